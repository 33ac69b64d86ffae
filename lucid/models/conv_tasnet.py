"""Conv-TasNet: separate or clean up a waveform by masking a learned filter bank."""

from __future__ import annotations

from lucid import nn
from lucid.ops import cat
from lucid.tensor import Tensor

# Far smaller than the layer's default: the norm spans all channels and the whole length, and quiet
# recordings must not be scaled by it. The value is the paper's.
_EPS = 1e-8


class ConvTasNet(nn.Module):
    """Encoder, mask estimator of dilated depthwise-separable blocks, decoder.

    The arguments and the names of the weights are those of `torchaudio.models.ConvTasNet`, so its
    checkpoints load unchanged. The letters in brackets are the paper's.

    Args:
        num_sources: waveforms to put out [C].
        enc_kernel_size: taps of encoder and decoder [L], even; they move on by half of that.
        enc_num_feats: channels of the encoder [N].
        msk_kernel_size: taps of the depthwise convolutions [P], odd.
        msk_num_feats: channels between the blocks [B].
        msk_num_hidden_feats: channels inside a block [H].
        msk_num_layers: blocks in a stack [X]; their dilations are 1, 2, 4, ...
        msk_num_stacks: stacks [R].
        msk_activate: what the masks go through: "sigmoid" or "relu".
        all_residuals: keep the residual convolution of the last block, which nothing reads, as in
            the paper's count of 5.1 million.

    Shapes: x (N, 1, L) -> (N, num_sources, L). Any L of at least 1.

    Source: Luo and Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for
    Speech Separation" (2019).

    Raises ValueError for a size that does not fit, and for x of another shape.

    >>> import lucid
    >>> net = ConvTasNet(2, 16, 64, 3, 32, 64, 6, 2)
    >>> net(lucid.zeros(3, 1, 8001)).shape
    (3, 2, 8001)
    >>> sum(p.numel() for p in net.parameters())
    87833
    """

    def __init__(
        self,
        num_sources: int = 2,
        enc_kernel_size: int = 16,
        enc_num_feats: int = 512,
        msk_kernel_size: int = 3,
        msk_num_feats: int = 128,
        msk_num_hidden_feats: int = 512,
        msk_num_layers: int = 8,
        msk_num_stacks: int = 3,
        msk_activate: str = "sigmoid",
        *,
        all_residuals: bool = False,
    ) -> None:
        super().__init__()
        sizes = {
            "num_sources": num_sources,
            "enc_num_feats": enc_num_feats,
            "msk_kernel_size": msk_kernel_size,
            "msk_num_feats": msk_num_feats,
            "msk_num_hidden_feats": msk_num_hidden_feats,
            "msk_num_layers": msk_num_layers,
            "msk_num_stacks": msk_num_stacks,
        }
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"ConvTasNet: {name} must be at least 1, got {size}")
        if enc_kernel_size < 2 or enc_kernel_size % 2:
            raise ValueError(
                f"ConvTasNet: enc_kernel_size must be even and at least 2, got {enc_kernel_size}"
            )
        self.num_sources = num_sources
        self.enc_num_feats = enc_num_feats
        self.stride = enc_kernel_size // 2
        self.encoder = nn.Conv1d(
            1, enc_num_feats, enc_kernel_size, self.stride, padding=self.stride, bias=False
        )
        self.mask_generator = MaskGenerator(
            enc_num_feats,
            num_sources,
            msk_kernel_size,
            msk_num_feats,
            msk_num_hidden_feats,
            msk_num_layers,
            msk_num_stacks,
            msk_activate,
            all_residuals=all_residuals,
        )
        self.decoder = nn.ConvTranspose1d(
            enc_num_feats, 1, enc_kernel_size, self.stride, padding=self.stride, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[1] != 1 or x.shape[2] < 1:
            raise ValueError(f"ConvTasNet: expects x of shape (N, 1, L), got {x.shape}")
        N, _, L = x.shape
        missing = -L % self.stride  # so that the decoder gives back every sample
        if missing:
            x = cat([x, x.zeros((N, 1, missing), dtype=x.dtype, device=x.device)], dim=-1)
        features = self.encoder(x)
        masked = self.mask_generator(features) * features.unsqueeze(1)
        T = features.shape[-1]
        y = self.decoder(masked.reshape(N * self.num_sources, self.enc_num_feats, T))
        return y.reshape(N, self.num_sources, L + missing)[..., :L]


class MaskGenerator(nn.Module):
    """One mask per source, from the encoder's features.

    Shapes: (N, input_dim, T) -> (N, num_sources, input_dim, T).
    """

    def __init__(
        self,
        input_dim: int,
        num_sources: int,
        kernel_size: int,
        num_feats: int,
        num_hidden: int,
        num_layers: int,
        num_stacks: int,
        msk_activate: str,
        *,
        all_residuals: bool,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"ConvTasNet: msk_kernel_size must be odd, got {kernel_size}")
        activations: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}
        if msk_activate not in activations:
            raise ValueError(
                f"ConvTasNet: msk_activate must be 'sigmoid' or 'relu', got {msk_activate!r}"
            )
        self.input_dim, self.num_sources = input_dim, num_sources
        self.input_norm = nn.GroupNorm(1, input_dim, eps=_EPS)
        self.input_conv = nn.Conv1d(input_dim, num_feats, 1)
        blocks = num_layers * num_stacks
        self.conv_layers = nn.ModuleList(
            [
                ConvBlock(
                    num_feats,
                    num_hidden,
                    kernel_size,
                    dilation=2 ** (i % num_layers),
                    residual=all_residuals or i < blocks - 1,
                )
                for i in range(blocks)
            ]
        )
        self.output_prelu = nn.PReLU()
        self.output_conv = nn.Conv1d(num_feats, input_dim * num_sources, 1)
        self.mask_activate = activations[msk_activate]()

    def forward(self, x: Tensor) -> Tensor:
        N, _, T = x.shape
        features = self.input_conv(self.input_norm(x))
        total: Tensor | None = None
        for layer in self.conv_layers:
            residual, skip = layer(features)
            features = features if residual is None else features + residual
            total = skip if total is None else total + skip
        masks = self.mask_activate(self.output_conv(self.output_prelu(total)))
        return masks.reshape(N, self.num_sources, self.input_dim, T)


class ConvBlock(nn.Module):
    """1x1 up, depthwise dilated, each with PReLU and global layer norm; then residual and skip.

    Shapes: (N, io_channels, T) -> residual and skip, both (N, io_channels, T).
    """

    def __init__(
        self,
        io_channels: int,
        hidden_channels: int,
        kernel_size: int,
        dilation: int,
        residual: bool,
    ) -> None:
        super().__init__()
        self.conv_layers = nn.Sequential(
            nn.Conv1d(io_channels, hidden_channels, 1),
            nn.PReLU(),
            nn.GroupNorm(1, hidden_channels, eps=_EPS),
            nn.Conv1d(
                hidden_channels,
                hidden_channels,
                kernel_size,
                padding=dilation * (kernel_size - 1) // 2,
                dilation=dilation,
                groups=hidden_channels,
            ),
            nn.PReLU(),
            nn.GroupNorm(1, hidden_channels, eps=_EPS),
        )
        self.res_out = nn.Conv1d(hidden_channels, io_channels, 1) if residual else None
        self.skip_out = nn.Conv1d(hidden_channels, io_channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        y = self.conv_layers(x)
        return None if self.res_out is None else self.res_out(y), self.skip_out(y)
