"""Changing a tensor in place: it is bound to a new array, since arrays cannot change.

So a tensor never shares memory with another one: after `part = x[:2]`, writing to `part` leaves x
as it was, unlike in torch. What was recorded keeps the values that it used.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import laziness
from lucid.autograd.mode import recording
from lucid.tensor.operators import Operators


class InPlace(Operators):
    """Assignment to parts, `+=` and its kind, and torch's methods with an underscore."""

    def _rebind(self, result: Any) -> Any:
        """Become `result`, in the dtype that this tensor has."""
        if self.requires_grad and self._node is None and recording.get():
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while recording; "
                "do it inside `with lucid.no_grad():`, or on a copy"
            )
        shape, dtype = self.array.shape, self.array.dtype
        if result.array.shape != shape:
            raise ValueError(
                f"an in-place operation cannot change the shape from {shape} to {result.shape}"
            )
        if result.dtype != dtype:
            if mx.issubdtype(result.dtype, mx.inexact) and not mx.issubdtype(dtype, mx.inexact):
                raise TypeError(
                    f"an in-place operation cannot keep a result of {result.dtype} in {dtype}; "
                    "use x = x + y instead of x += y, or x.float() first"
                )
            result = ops.astype(result, dtype)
        self.array = result.array
        laziness.watch(self)
        if result._node is not None:
            self._node, self._index = result._node, result._index
            self.requires_grad = True
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rebind(ops.setitem(self, key, value))

    def add_(self, other: Any, *, alpha: Any = 1) -> Any:
        """x += alpha * other."""
        return self._rebind(ops.add(self, other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Any:
        """x -= alpha * other."""
        return self._rebind(ops.sub(self, other, alpha=alpha))

    def mul_(self, other: Any) -> Any:
        """x *= other."""
        return self._rebind(ops.mul(self, other))

    def div_(self, other: Any) -> Any:
        """x /= other."""
        return self._rebind(ops.div(self, other))

    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_

    def clamp_(self, min: Any = None, max: Any = None) -> Any:
        """Limit the values to [min, max]."""
        return self._rebind(ops.clamp(self, min, max))

    def lerp_(self, end: Any, weight: Any) -> Any:
        """x += weight * (end - x)."""
        return self._rebind(ops.lerp(self, end, weight))

    def copy_(self, source: Any) -> Any:
        """Take the values of `source`, which broadcasts; its gradient flows."""
        return self._rebind(ops.setitem(self, ..., source))

    def fill_(self, value: Any) -> Any:
        """Become `value` everywhere."""
        return self.copy_(value)

    def zero_(self) -> Any:
        """Become 0 everywhere."""
        return self.copy_(0)

    def detach_(self) -> Any:
        """Leave the graph."""
        self._node, self.requires_grad = None, False
        return self

    def masked_fill_(self, mask: Any, value: Any) -> Any:
        """Become `value` where the bool mask is True."""
        return self._rebind(ops.masked_fill(self, mask, value))
