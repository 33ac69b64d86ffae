"""Padding layers, over `lucid.pad`.

Shapes: x (..., L) -> (..., L + before + after); negative sizes crop.
"""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.module import Module
from lucid.tensor import Tensor


class _Pad(Module):
    """Pads the last dimension in one of the modes of `lucid.pad`."""

    mode = "constant"
    value = 0.0

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sizes = (padding, padding) if isinstance(padding, int) else tuple(padding)
        if len(sizes) != 2 or any(isinstance(n, bool) or not isinstance(n, int) for n in sizes):
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or (before, after), got {padding!r}"
            )
        self.padding = sizes

    def forward(self, x: Tensor) -> Tensor:
        return ops.pad(x, self.padding, mode=self.mode, value=self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_Pad):
    """Pads with one value.

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
    """Pads with zeros."""


class ReflectionPad1d(_Pad):
    """Pads with the mirrored input, without repeating the edge."""

    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads with the edge."""

    mode = "replicate"


class CircularPad1d(_Pad):
    """Pads with the other end."""

    mode = "circular"
