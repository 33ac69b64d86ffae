"""The dtype of a result, where torch and MLX differ."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

_KINDS: tuple[Any, ...] = (mx.bool_, mx.integer, mx.floating, mx.complexfloating)


def promoted(values: list[Any]) -> list[Any]:
    """Values as MLX should see them, so that the result has torch's dtype.

    A 0-dimensional array does not widen a dimensioned one of the same kind (float16 times a
    float32 scalar stays float16), and a bool array with a Python int gives int64.
    """
    if len(values) == 2:  # the common cases, first: every operation comes here
        x, y = values
        if type(y) is float:
            return values
        if isinstance(x, mx.array) and isinstance(y, mx.array) and x.dtype == y.dtype:
            return values
    arrays = [v for v in values if isinstance(v, mx.array)]
    dtype = arrays[0].dtype
    if all(a.dtype == dtype for a in arrays):
        if dtype == mx.bool_ and any(type(v) is int for v in values):
            return [v.astype(mx.int64) if isinstance(v, mx.array) else v for v in values]
        return values
    dimensioned = [a for a in arrays if a.ndim]
    if not dimensioned or len(dimensioned) == len(arrays):
        return values
    wanted = mx.result_type(*dimensioned)
    return [
        v.astype(wanted)
        if isinstance(v, mx.array) and v.ndim == 0 and _rank(v.dtype) <= _rank(wanted)
        else v
        for v in values
    ]


def _rank(dtype: mx.Dtype) -> int:
    """bool, ints, floats, complex, in this order."""
    return next(i for i, kind in enumerate(_KINDS) if mx.issubdtype(dtype, kind))
