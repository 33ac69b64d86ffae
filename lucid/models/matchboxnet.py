"""MatchboxNet: keywords from a spectrogram, with depthwise-separable convolutions in time."""

from __future__ import annotations

from lucid import nn
from lucid.tensor import Tensor

# As in NVIDIA's published networks; torch's own default is 1e-5.
_EPS = 1e-3


class MatchboxNet(nn.Module):
    """MatchboxNet BxRxC: B residual blocks of R depthwise-separable convolutions in C channels.

    Args:
        n_mels: rows of the spectrogram.
        num_classes: words to tell apart.
        blocks: B. The kernels are 13, 15, 17, ... taps long, one length per block.
        repeats: R.
        channels: C. The layers before and after the blocks have twice as many.
        dropout: the share of channels' values that is dropped after each activation.

    Shapes: x (N, n_mels, T), a log-mel spectrogram or MFCC -> scores (N, num_classes).

    3x1x64 with 64 rows and 30 classes has the 77 thousand parameters of the paper. Source: Majumdar
    and Ginsburg, "MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture
    for Speech Commands Recognition" (2020).

    Raises ValueError for a size below 1.

    >>> import lucid
    >>> net = MatchboxNet(n_mels=40, num_classes=10)
    >>> net(lucid.zeros(2, 40, 101)).shape
    (2, 10)
    >>> sum(p.numel() for p in net.parameters())
    71298
    """

    def __init__(
        self,
        n_mels: int = 64,
        num_classes: int = 30,
        blocks: int = 3,
        repeats: int = 1,
        channels: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = {
            "n_mels": n_mels,
            "num_classes": num_classes,
            "blocks": blocks,
            "repeats": repeats,
            "channels": channels,
        }
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"MatchboxNet: {name} must be at least 1, got {size}")
        wide = 2 * channels
        self.prologue = SubBlock(n_mels, wide, 11, dropout=dropout)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(wide if i == 0 else channels, channels, 13 + 2 * i, repeats, dropout)
                for i in range(blocks)
            )
        )
        self.epilogue = nn.Sequential(
            SubBlock(channels, wide, 29, dilation=2, dropout=dropout),
            nn.Conv1d(wide, wide, 1, bias=False),
            nn.BatchNorm1d(wide, eps=_EPS),
            nn.ReLU(),
        )
        self.head = nn.Linear(wide, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.epilogue(self.blocks(self.prologue(x)))
        return self.head(y.mean(-1))


class SubBlock(nn.Module):
    """Depthwise-separable convolution that keeps the length, batch norm, ReLU, dropout.

    Shapes: (N, in_channels, T) -> (N, out_channels, T).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        activation: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv = nn.DepthSeparableConv1d(
            in_channels,
            out_channels,
            kernel_size,
            padding=dilation * (kernel_size - 1) // 2,
            dilation=dilation,
            bias=False,
        )
        self.norm = nn.BatchNorm1d(out_channels, eps=_EPS)
        self.activation = nn.ReLU() if activation else nn.Identity()
        self.dropout = nn.Dropout(dropout) if activation and dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.activation(self.norm(self.conv(x))))


class ResidualBlock(nn.Module):
    """R sub-blocks beside a 1x1 convolution; the ReLU of the last comes after their sum.

    Shapes: (N, in_channels, T) -> (N, out_channels, T).
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, repeats: int, dropout: float
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(
                SubBlock(
                    in_channels if i == 0 else out_channels,
                    out_channels,
                    kernel_size,
                    activation=i < repeats - 1,
                    dropout=dropout,
                )
                for i in range(repeats)
            )
        )
        self.residual = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm1d(out_channels, eps=_EPS),
        )
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.activation(self.body(x) + self.residual(x)))
