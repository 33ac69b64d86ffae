"""Padding layers, over `lucid.pad`.

Shapes: x (N, C, L) or (C, L) -> (..., L + before + after), or (N, C, H, W) and (C, H, W) with two
more sizes for the height; with constants any number of dimensions. Negative sizes crop.
"""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.module import Module
from lucid.tensor import Tensor


class _Pad(Module):
    """Pads the last `n` dimensions in one of the modes of `lucid.pad`."""

    n = 1
    mode = "constant"
    value: float = 0.0

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sizes = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * (2 * self.n)
        ints = all(isinstance(p, int) and not isinstance(p, bool) for p in sizes)
        if len(sizes) != 2 * self.n or not ints:
            wanted = ("(before, after)", "(left, right, top, bottom)")[self.n - 1]
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or {wanted}, got {padding!r}"
            )
        self.padding = sizes

    def forward(self, input: Tensor) -> Tensor:
        if self.mode != "constant" and input.ndim not in (self.n + 1, self.n + 2):
            shape = ("(N, C, L) or (C, L)", "(N, C, H, W) or (C, H, W)")[self.n - 1]
            raise ValueError(f"{type(self).__name__} expects x of shape {shape}, got {input.shape}")
        return ops.pad(input, self.padding, mode=self.mode, value=self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_Pad):
    """Pads with one value.

    Args:
        padding: (before, after), or an int for both; negative sizes crop.
        value: what the padding holds.

    Raises:
        ValueError: padding that is neither.

    >>> import lucid
    >>> lucid.nn.ConstantPad1d((1, 0), 5.0)(lucid.ones(1, 2)).tolist()
    [[5.0, 1.0, 1.0]]
    """

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(_Pad):
    """Pads with zeros: (..., L) -> (..., before + L + after).

    >>> import lucid
    >>> lucid.nn.ZeroPad1d((1, 2))(lucid.ones(1, 2)).tolist()
    [[0.0, 1.0, 1.0, 0.0, 0.0]]
    """


class ReflectionPad1d(_Pad):
    """Pads (N, C, L) or (C, L) with the mirrored input, without repeating the edge.

    Raises:
        ValueError: at the call, padding that is not shorter than the input.

    >>> import lucid
    >>> lucid.nn.ReflectionPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 2.0, 1.0, 2.0, 3.0]]
    """

    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads (N, C, L) or (C, L) with the edge.

    >>> import lucid
    >>> lucid.nn.ReplicationPad1d((2, 0))(lucid.tensor([[1.0, 2.0]])).tolist()
    [[1.0, 1.0, 1.0, 2.0]]
    """

    mode = "replicate"


class CircularPad1d(_Pad):
    """Pads (N, C, L) or (C, L) with the other end.

    Raises:
        ValueError: at the call, padding that is longer than the input.

    >>> import lucid
    >>> lucid.nn.CircularPad1d((2, 0))(lucid.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[2.0, 3.0, 1.0, 2.0, 3.0]]
    """

    mode = "circular"


class ConstantPad2d(ConstantPad1d):
    """Pads height and width with one value, by (left, right, top, bottom) or all by an int.

    >>> import lucid
    >>> lucid.nn.ConstantPad2d((1, 0, 0, 1), 5.0)(lucid.ones(1, 1, 2)).tolist()
    [[[5.0, 1.0, 1.0], [5.0, 5.0, 5.0]]]
    """

    n = 2


class ZeroPad2d(ZeroPad1d):
    """Pads height and width with zeros: (..., H, W) -> (..., top + H + bottom, left + W + right).

    >>> import lucid
    >>> lucid.nn.ZeroPad2d(1)(lucid.ones(1, 3, 4, 5)).shape
    (1, 3, 6, 7)
    """

    n = 2


class ReflectionPad2d(ReflectionPad1d):
    """Pads (N, C, H, W) or (C, H, W) with the mirrored input, without repeating the edge.

    Raises:
        ValueError: at the call, padding that is not shorter than the input.

    >>> import lucid
    >>> lucid.nn.ReflectionPad2d((2, 0, 0, 0))(lucid.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[3.0, 2.0, 1.0, 2.0, 3.0]]]
    """

    n = 2


class ReplicationPad2d(ReplicationPad1d):
    """Pads height and width of (N, C, H, W) or (C, H, W) with the edge.

    >>> import lucid
    >>> lucid.nn.ReplicationPad2d((0, 0, 1, 0))(lucid.tensor([[[1.0, 2.0]]])).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    n = 2


class CircularPad2d(CircularPad1d):
    """Pads height and width of (N, C, H, W) or (C, H, W) with the other end.

    Raises:
        ValueError: at the call, padding that is longer than the input.

    >>> import lucid
    >>> lucid.nn.CircularPad2d((2, 0, 0, 0))(lucid.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[2.0, 3.0, 1.0, 2.0, 3.0]]]
    """

    n = 2
