"""DSNet: keywords straight from the waveform, with strided depthwise-separable convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from lucid import nn
from lucid.tensor import Tensor


class DSNet(nn.Module):
    """A learned filter bank, then depthwise-separable convolutions that halve the rate each.

    Args:
        num_classes: words to tell apart.
        channels: the channels of the filter bank, then of each depthwise-separable layer.
        kernel_size: taps of the filter bank; it moves on by half of that.
        separable_kernel_size: taps of the depthwise layers, whose stride is 2. Odd.

    Shapes: x (N, 1, L), a waveform -> scores (N, num_classes). The default network turns 8000
    samples into 32 steps before it averages over time.

    Raises ValueError for an even `separable_kernel_size`, or fewer than two entries of `channels`.

    >>> import lucid
    >>> net = DSNet(num_classes=10)
    >>> net(lucid.zeros(2, 1, 8000)).shape
    (2, 10)
    >>> sum(p.numel() for p in net.parameters())
    63146
    """

    def __init__(
        self,
        num_classes: int = 10,
        channels: Sequence[int] = (64, 64, 96, 128, 128, 128),
        kernel_size: int = 16,
        separable_kernel_size: int = 9,
    ) -> None:
        super().__init__()
        if len(channels) < 2 or separable_kernel_size % 2 == 0:
            raise ValueError(
                "DSNet: expects at least two entries of channels and an odd separable_kernel_size, "
                f"got {tuple(channels)} and {separable_kernel_size}"
            )
        stride = max(1, kernel_size // 2)
        self.filters = nn.Sequential(
            nn.Conv1d(1, channels[0], kernel_size, stride, padding=stride // 2, bias=False),
            nn.BatchNorm1d(channels[0]),
            nn.ReLU(),
        )
        layers: list[nn.Module] = []
        for i in range(1, len(channels)):
            layers += [
                nn.DepthSeparableConv1d(
                    channels[i - 1],
                    channels[i],
                    separable_kernel_size,
                    stride=2,
                    padding=separable_kernel_size // 2,
                    bias=False,
                ),
                nn.BatchNorm1d(channels[i]),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.filters(x)).mean(-1))
