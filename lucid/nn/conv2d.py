"""2-D convolution layers: `Conv2d`, `ConvTranspose2d`."""

from __future__ import annotations

from functools import partial
from typing import Any

from lucid.nn.check import sizes
from lucid.nn.conv import Convolution
from lucid.nn.convolution import check_output_padding
from lucid.nn.convolution2d import both_sides, convolve2d, least_size, transpose_convolve2d
from lucid.ops.conv2d import Sides
from lucid.tensor import Tensor

_pair = partial(sizes, count=2)


class Conv2d(Convolution):
    """Cross-correlation of images or spectrograms with learned filters.

    Shapes: x (N, C_in, H, W) or (C_in, H, W) -> (N, C_out, H_out, W_out) or
    (C_out, H_out, W_out), each size floor((size + 2p - d(K-1) - 1)/s + 1).

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: K. This and the next three as an int, or one for the height and one for the
            width.
        stride: s.
        padding: p on both sides; "valid" (0); or "same" (the sizes stay, an odd element to the
            right and below; stride 1 only).
        dilation: d, the distance between two taps.
        groups: channels are split into so many groups that do not see each other.
        bias: learn a bias.
        padding_mode: what the padding holds: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Attributes:
        weight: (C_out, C_in/groups, KH, KW), from the uniform distribution on
            +-1/sqrt(C_in/groups*KH*KW).
        bias: (C_out,) from the same distribution, or None.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> conv = lucid.nn.Conv2d(1, 32, (5, 1), stride=(3, 1), padding=(2, 0))
    >>> conv(lucid.zeros(4, 1, 100, 7)).shape
    (4, 32, 34, 7)
    """

    _numbers = staticmethod(_pair)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._settings(in_channels, out_channels, kernel_size, stride, dilation, groups, bias)
        self.padding = padding
        sides = self._sides
        self.padding = padding if isinstance(padding, str) else tuple(p for p, _ in sides)
        self._set_padding_mode(padding_mode)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self._weights(shape, bias, device, dtype)

    @property
    def _sides(self) -> Sides:
        """The elements added on both sides of both axes, by the settings as they are now."""
        name = type(self).__name__
        return both_sides(name, self.padding, self.kernel_size, self.stride, self.dilation)

    def forward(self, input: Tensor) -> Tensor:
        return convolve2d(
            type(self).__name__, input, self.weight, self.bias, stride=self.stride,
            sides=self._sides, dilation=self.dilation, groups=self.groups, mode=self.padding_mode,
        )  # fmt: skip


class ConvTranspose2d(Convolution):
    """Transposed convolution: each input element adds a scaled filter to the output.

    The derivative of `Conv2d` in its input. The arguments stand in torch's order, as those of
    `ConvTranspose1d` do not.

    Shapes: x (N, C_in, H, W) or (C_in, H, W) -> (N, C_out, H_out, W_out) or
    (C_out, H_out, W_out), each size (size-1)s - 2p + d(K-1) + output_padding + 1.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: K. This and the next four as an int, or one for the height and one for the
            width.
        stride: s, the factor of upsampling.
        padding: p elements cut off on both sides.
        output_padding: elements added on the right and below, fewer than stride or dilation.
        groups: channels are split into so many groups that do not see each other.
        bias: learn a bias.
        dilation: d, the distance between two taps.
        padding_mode: "zeros", there is no other.
        device, dtype: of the parameters.

    Attributes:
        weight: (C_in, C_out/groups, KH, KW), from the uniform distribution on
            +-1/sqrt(C_out/groups*KH*KW), as in torch.
        bias: (C_out,) from the same distribution, or None.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> deconv = lucid.nn.ConvTranspose2d(4, 2, (4, 3), stride=(2, 1), padding=1)
    >>> deconv(lucid.zeros(1, 4, 5, 6)).shape
    (1, 2, 10, 6)
    """

    _numbers = staticmethod(_pair)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f'{name}: padding_mode can only be "zeros", got {padding_mode!r}')
        self._settings(in_channels, out_channels, kernel_size, stride, dilation, groups, bias)
        self.padding = _pair(name, "padding", padding, least=0)
        self.output_padding = _pair(name, "output_padding", output_padding, least=0)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            check_output_padding(name, extra, s, d)
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self._weights(shape, bias, device, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Upsample; `output_size` (height and width, or a whole shape) picks a reachable size."""
        extra = self.output_padding
        if output_size is not None and isinstance(input, Tensor) and input.ndim >= 2:
            extra = self._extra(input, output_size)
        return transpose_convolve2d(
            type(self).__name__, input, self.weight, self.bias, stride=self.stride,
            padding=self.padding, output_padding=extra, dilation=self.dilation,
            groups=self.groups,
        )  # fmt: skip

    def _extra(self, x: Tensor, output_size: Any) -> tuple[int, int]:
        name = type(self).__name__
        wanted = _pair(name, "output_size", tuple(output_size)[-2:])
        least = least_size(x.shape[-2:], self.kernel_size, self.stride, self.padding, self.dilation)
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if not all(a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"{name}: an input of shape {x.shape} can give an output of {least} to {most}, "
                f"got output_size={tuple(output_size)}"
            )
        return wanted[0] - least[0], wanted[1] - least[1]
