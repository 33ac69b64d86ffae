"""Changing a tensor in place: it is bound to a new array, since arrays cannot change.

So a tensor never shares memory with another one: after `part = x[:2]`, writing to `part` leaves x
as it was, unlike in torch. What was recorded keeps the values that it used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import laziness
from lucid.autograd.mode import recording
from lucid.tensor.methods import Methods


def in_place(function: Callable) -> Any:
    """The method that makes a tensor what `function` gives of it: `in_place(ops.exp)` is `exp_`."""

    def method(self: InPlace, *args: Any, **settings: Any) -> Any:
        return self._rebind(function(self, *args, **settings))

    method.__name__ = f"{function.__name__}_"
    method.__doc__ = f"`{function.__name__}` in place; returns the tensor."
    return method


class InPlace(Methods):
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
        self.array, self._known = result.array, False
        laziness.watch(self)
        if result._node is not None:
            self._node, self._index = result._node, result._index
            self.requires_grad = True
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rebind(ops.setitem(self, key, value))

    add_ = in_place(ops.add)
    sub_ = in_place(ops.sub)
    mul_ = in_place(ops.mul)
    div_ = in_place(ops.div)
    clamp_ = in_place(ops.clamp)
    lerp_ = in_place(ops.lerp)
    masked_fill_ = in_place(ops.masked_fill)

    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_

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
