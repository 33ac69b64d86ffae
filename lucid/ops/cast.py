"""Changing the dtype, the device and the place in the graph."""

from __future__ import annotations

import functools
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _shards
from lucid.autograd.tape import Traced
from lucid.ops.device import resolve
from lucid.ops.dtypes import dtype_of, name_of
from lucid.ops.op import op
from lucid.ops.samplewise import first


def _to_another(x, /, dtype):
    return first(x) if dtype_of(dtype) != x.dtype else None


@op(linear=True, samples=_to_another)
def astype(x, /, dtype):
    """The values in another dtype; gradients come back in the old one.

    >>> lucid.tensor([1.5, -1.5]).astype(lucid.int32)
    Tensor([ 1, -1], grad=None, dtype=int32)
    """
    before = x.dtype
    after = dtype_of(dtype)
    return _cast(x, after), lambda g: _cast(g, before)


def _cast(x: mx.array, dtype: mx.Dtype) -> mx.array:
    return _shards.mapped(lambda part: part.astype(dtype), x)


_HALF = (mx.float16, mx.bfloat16)


def in_float32(function: Any) -> Any:
    """Let `function` compute half-precision tensors in float32; its value is rounded once."""

    @functools.wraps(function)
    def call(input: Any, *args: Any, **settings: Any) -> Any:
        if not isinstance(input, Traced) or input.array.dtype not in _HALF:
            return function(input, *args, **settings)
        dtype = input.array.dtype
        rest = {name: _wide(value) for name, value in settings.items()}
        return astype(function(_wide(input), *map(_wide, args), **rest), dtype)

    call.policy = None  # type: ignore[attr-defined]  # whatever autocast does inside is rounded
    return call


def _wide(x: Any) -> Any:
    return astype(x, mx.float32) if isinstance(x, Traced) and x.array.dtype in _HALF else x


def to_device(x: Any, device: Any) -> Any:
    """The tensor on another device. Memory is shared, so nothing is copied or detached.

    >>> import lucid
    >>> lucid.ones(1).to("cpu").device
    'cpu'
    """
    place = resolve(device)
    if place == x._device:
        return x
    moved = clone(x)
    moved._device, moved._known = place, x._known
    return moved


@op(linear=True)
def clone(x, /, *, memory_format=None):
    """A tensor of its own with the same values. A program sees no memory format here.

    >>> lucid.alias_copy(lucid.tensor([1.0, 2.0]))
    Tensor([1., 2.], grad=None)
    """
    return x, lambda g: g


def constant_like(value: Any, x: Any) -> Any:
    """`value`, a Tensor or anything that makes one, as a Tensor of the dtype of `x`."""
    if isinstance(value, Traced):
        _check_real(value.array.dtype == mx.complex64, x)
        return value if value.array.dtype == x.dtype else astype(value, x.dtype)
    if type(value) is float and mx.issubdtype(x.dtype, mx.floating):  # the common case, quickly
        return x._wrap(mx.array(value, x.dtype), x._device)
    array = value if isinstance(value, mx.array) else np.asarray(value)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "biufc":
        raise TypeError(f"expected numbers, got {type(value).__name__}: {value!r:.60}")
    _check_real(array.dtype in (mx.complex64, np.complex128, np.complex64), x)
    if isinstance(array, np.ndarray) and array.dtype == np.float64:
        return x._wrap(mx.array(array, mx.float64).astype(x.dtype, stream=mx.cpu), x._device)
    return x._wrap(mx.array(array).astype(x.dtype), x._device)


def constant(value: Any, like: Any) -> Any:
    """A number or an array as a Tensor of its own dtype, on the device of `like`."""
    if isinstance(value, bool | int | float | complex):
        return like._wrap(mx.array(value, dtype_of(type(value))), like._device)
    return like._wrap(mx.array(value), like._device)


def _check_real(is_complex: bool, x: Any) -> None:
    if is_complex and x.dtype != mx.complex64:
        raise TypeError(
            f"a complex value cannot be {name_of(x.dtype)}; use x.to(lucid.complex64) first"
        )


def check_dtype(name: str, what: str, value: Any, x: Any) -> None:
    """Refuse a `value` that is not a Tensor of the dtype of x."""
    if not isinstance(value, Traced) or value.array.dtype != x.dtype:
        got = name_of(value.array.dtype) if isinstance(value, Traced) else type(value).__name__
        raise TypeError(
            f"{name} expects its {what} as a Tensor of dtype {name_of(x.dtype)}, that of the "
            f"input, got {got}; convert it first, e.g. with {what}.to(input.dtype)"
        )
