"""Convolution layers: `Conv1d`, `ConvTranspose1d`, `DepthSeparableConv1d`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeGuard

from lucid import ops
from lucid.nn import init
from lucid.nn.check import positive, single, sizes
from lucid.nn.convolution import (
    Sides,
    check_output_padding,
    convolve,
    padding_sides,
    transpose_convolve,
    transposed_padding,
)
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops import conv
from lucid.tensor import Tensor

MODES = ("zeros", "reflect", "replicate", "circular")


def _one(layer: str, name: str, value: Any, least: int = 1) -> tuple[int, ...]:
    """A setting of a 1-D layer, as the 1-tuple that torch keeps."""
    return sizes(layer, name, value, 1, least)


class Convolution(Module):
    """What the layers share: settings, their checks, the weight and the bias."""

    in_channels: int
    out_channels: int
    # how a setting of one int for each axis is checked
    _numbers: Callable[..., tuple[int, ...]] = staticmethod(_one)

    def _settings(
        self, in_channels: Any, out_channels: Any, kernel_size: Any, stride: Any, dilation: Any,
        groups: Any, bias: Any,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.in_channels = positive(name, "in_channels", in_channels)
        self.out_channels = positive(name, "out_channels", out_channels)
        self.kernel_size = self._numbers(name, "kernel_size", kernel_size)
        self.stride = self._numbers(name, "stride", stride)
        self.dilation = self._numbers(name, "dilation", dilation)
        self.groups = positive(name, "groups", groups)
        for label in ("in_channels", "out_channels"):
            channels = getattr(self, label)
            if channels % self.groups:
                raise ValueError(
                    f"{name}: {label} must be divisible by groups, got {label}={channels} and "
                    f"groups={self.groups}"
                )
        if not isinstance(bias, bool):
            raise TypeError(
                f"{name}: bias must be a bool, got {bias!r}; check the order of the arguments"
            )

    def _steps(self) -> tuple[int, ...]:
        """Kernel size, stride and dilation of a 1-D layer as ints; they may be set anew."""
        name = type(self).__name__
        settings = ("kernel_size", "stride", "dilation")
        return tuple(single(name, label, getattr(self, label)) for label in settings)

    def _set_padding_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be one of {', '.join(MODES)}, "
                f"got {mode!r}"
            )
        self.padding_mode = mode

    def _weights(self, shape: tuple[int, ...], bias: bool, device: Any, dtype: Any) -> None:
        self.weight = Parameter(Tensor.zeros(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(Tensor.zeros(self.out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming uniform with a = sqrt(5): +-1/sqrt(fan_in), for weight and bias."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        defaults = {"padding": 0, "output_padding": 0, "dilation": 1, "groups": 1,
                    "padding_mode": "zeros"}  # fmt: skip
        shown = [f"{self.in_channels}, {self.out_channels}"]
        shown += [f"kernel_size={self.kernel_size}, stride={self.stride}"]
        shown += [
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name, default) not in (default, (default,), (default, default))
        ]
        if self.bias is None:
            shown.append("bias=False")
        return ", ".join(shown)


class Conv1d(Convolution):
    """Cross-correlation of a signal with learned filters.

    y[n, o, t] = bias[o] + sum over c, k of weight[o, c, k] * x[n, c, t*s + k*d - p]

    Shapes: x (N, C_in, L) or (C_in, L) -> (N, C_out, L_out) or (C_out, L_out) with
    L_out = floor((L + 2p - d(K-1) - 1)/s + 1).

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: K. This and the next three also as 1-tuples.
        stride: s.
        padding: p samples on both sides; "valid" (0); "same" (the length stays, an odd sample to
            the right; stride 1 only); or "causal" (d(K-1) samples on the left, so that no output
            sees a later input). A NaN or an infinity may spread further, to the
            outputs that are computed together: by up to 63*d, in its sample and group only.
        dilation: d, the distance between two taps.
        groups: channels are split into so many groups that do not see each other.
        bias: learn a bias.
        padding_mode: what the padding holds: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Attributes:
        weight: (C_out, C_in/groups, K), from the uniform distribution on +-1/sqrt(C_in/groups*K).
        bias: (C_out,) from the same distribution, or None.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> conv = lucid.nn.Conv1d(1, 8, kernel_size=3, padding=1)
    >>> conv(lucid.zeros(4, 1, 16)).shape
    (4, 8, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._settings(in_channels, out_channels, kernel_size, stride, dilation, groups, bias)
        self.padding = padding
        left, _ = self._sides
        self.padding = padding if isinstance(padding, str) else (left,)
        self._set_padding_mode(padding_mode)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self._weights(shape, bias, device, dtype)

    @property
    def _sides(self) -> Sides:
        """The samples added left and right, by the settings as they are now."""
        K, s, d = self._steps()
        return padding_sides("Conv1d", self.padding, K, s, d)

    def forward(self, input: Tensor) -> Tensor:
        _, s, d = self._steps()
        return convolve(
            "Conv1d", input, self.weight, self.bias, stride=s, sides=self._sides, dilation=d,
            groups=self.groups, mode=self.padding_mode,
        )  # fmt: skip


class ConvTranspose1d(Convolution):
    """Transposed convolution: each input sample adds a scaled filter to the output.

    y[n, o, i*s + k*d - p] += weight[c, o, k] * x[n, c, i], plus bias[o]: the derivative of
    `Conv1d` in its input, and the upsampling layer of decoders and vocoders.

    The arguments after `output_padding` stand in the order dilation, groups, bias; torch's order
    is groups, bias, dilation. A call in torch's order fails, since a bool is no int here and an
    int no bool.

    Shapes: x (N, C_in, L) or (C_in, L) -> (N, C_out, L_out) or (C_out, L_out) with
    L_out = (L-1)s - 2p + d(K-1) + output_padding + 1.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: K. This and the next four also as 1-tuples.
        stride: s, the factor of upsampling.
        padding: p samples cut off on both sides; "valid" (0); or "same": the length becomes
            L*s. Of the d(K-1)+1-s samples too many half are cut off on the left, rounded down,
            the rest on the right; where there are too few, zeros (and the bias) follow.
        output_padding: samples added on the right, fewer than stride or dilation.
        dilation: d, the distance between two taps.
        groups: channels are split into so many groups that do not see each other.
        bias: learn a bias.
        device, dtype: of the parameters.

    Attributes:
        weight: (C_in, C_out/groups, K), from the uniform distribution on
            +-1/sqrt(C_out/groups*K), as in torch.
        bias: (C_out,) from the same distribution, or None.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> deconv = lucid.nn.ConvTranspose1d(4, 2, kernel_size=3, stride=2, padding=1,
    ...                                   output_padding=1)
    >>> deconv(lucid.zeros(1, 4, 5)).shape
    (1, 2, 10)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = "ConvTranspose1d"
        self._settings(in_channels, out_channels, kernel_size, stride, dilation, groups, bias)
        p = transposed_padding(name, padding)
        self.padding = p if isinstance(p, str) else (p,)
        _, s, d = self._steps()
        self.output_padding = (check_output_padding(name, output_padding, s, d),)
        if self.padding == "same" and self.output_padding != (0,):
            raise ValueError(
                f'{name}: padding="same" fixes the length, so output_padding must be 0, '
                f"got {self.output_padding[0]}"
            )
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self._weights(shape, bias, device, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Upsample; `output_size` (an int or a shape) picks one of the reachable lengths."""
        name = "ConvTranspose1d"
        _, s, d = self._steps()
        extra = check_output_padding(name, self.output_padding, s, d)
        if output_size is not None and isinstance(input, Tensor) and input.ndim:
            extra = self._extra(input, output_size)
        return transpose_convolve(
            name, input, self.weight, self.bias, stride=s, output_padding=extra, dilation=d,
            padding=transposed_padding(name, self.padding), groups=self.groups,
        )  # fmt: skip

    def _extra(self, x: Tensor, output_size: Any) -> int:
        lengths = output_size if isinstance(output_size, tuple | list) else [output_size]
        wanted = single("ConvTranspose1d", "output_size", list(lengths[-1:]))
        p = transposed_padding("ConvTranspose1d", self.padding)
        if isinstance(p, str):
            raise ValueError("ConvTranspose1d: output_size needs a padding that is an int")
        K, s, d = self._steps()
        least = (x.shape[-1] - 1) * s - 2 * p + d * (K - 1) + 1
        most = least + s - 1
        if not least <= wanted <= most:
            raise ValueError(
                f"ConvTranspose1d: an input of length {x.shape[-1]} can give an output of length "
                f"{least} to {most}, got output_size={output_size!r}"
            )
        return wanted - least


class DepthSeparableConv1d(Module):
    """A depthwise convolution, then a pointwise one: pointwise(depthwise(x)).

    Needs K*C_in + C_in*C_out weights where `Conv1d` needs K*C_in*C_out (Howard et al.,
    "MobileNets", 2017).

    Shapes: x (N, C_in, L) or (C_in, L) -> (N, C_out, L_out) or (C_out, L_out); L_out as `Conv1d`.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size, stride, padding, dilation: of the depthwise convolution, as in `Conv1d`.
        bias: learn a bias in both convolutions.
        device, dtype: of the parameters.

    Attributes:
        depthwise: `Conv1d` of C_in groups; weight (C_in, 1, K).
        pointwise: `Conv1d` of kernel size 1; weight (C_out, C_in, 1).

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> separable = lucid.nn.DepthSeparableConv1d(1, 2, kernel_size=3, stride=1, padding=1)
    >>> separable(lucid.random.randn(1, 1, 4)).shape
    (1, 2, 4)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        new = {"bias": bias, "device": device, "dtype": dtype}
        self.depthwise = Conv1d(
            in_channels, in_channels, kernel_size, stride, padding, dilation, in_channels, **new
        )
        self.pointwise = Conv1d(in_channels, out_channels, 1, **new)

    def forward(self, input: Tensor) -> Tensor:
        y = separable(input, self.depthwise, self.pointwise)
        return self.pointwise(self.depthwise(input)) if y is None else y


def separable(
    x: Tensor, depthwise: Module, pointwise: Module, sides: Sides | None = None, relu: bool = False
) -> Tensor | None:
    """pointwise(depthwise(x)), then relu if asked for, where that is one kernel; else None.

    `sides` is another padding than that of the depthwise layer. Layers with hooks, or of another
    class, are called one by one, and so is whatever does not fit together, which then says so.
    """
    if not (_is_plain(depthwise) and _is_plain(pointwise) and isinstance(x, Tensor)):
        return None
    _, s, d = depthwise._steps()
    settings = {"stride": s, "padding": sides or depthwise._sides, "dilation": d}
    w, v = depthwise.weight, pointwise.weight
    fits = (
        x.ndim in (2, 3)
        and x.shape[-2] == depthwise.groups
        and w.shape[1:2] == v.shape[2:] == (1,)
        and v.shape[1] == w.shape[0]
        and (pointwise.stride, pointwise._sides, pointwise.groups) == ((1,), (0, 0), 1)
        and x.dtype == w.dtype == v.dtype
    )
    batched = ops.unsqueeze(x, 0) if x.ndim == 2 else x
    if not (fits and conv.fuses_separable_conv1d(batched, w, v, **settings)):
        return None
    biases = depthwise.bias, pointwise.bias
    y = conv.separable_conv1d(batched, w, biases[0], v, biases[1], relu=relu, **settings)
    return ops.squeeze(y, 0) if x.ndim == 2 else y


def _is_plain(layer: Module) -> TypeGuard[Conv1d]:
    """A `Conv1d` that nobody watches, with zeros around the signal."""
    return type(layer) is Conv1d and layer.padding_mode == "zeros" and not layer._is_watched()
