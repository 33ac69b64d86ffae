"""The dtype of a result, where torch and MLX differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

_NUMBERS = {bool: mx.bool_, int: mx.int64, float: mx.float32, complex: mx.complex64}
_KINDS: tuple[Any, ...] = (mx.bool_, mx.integer, mx.floating, mx.complexfloating)


def promoted(values: list[Any]) -> list[Any]:
    """Values as MLX should see them, so that the result has torch's dtype.

    Arrays come in the dtype of the result; numbers stay, as MLX lets them take the arrays' dtype.
    """
    if len(values) == 2:  # the common cases, first: every operation comes here
        x, y = values
        if type(y) is float or (type(y) is int and x.dtype != mx.bool_):
            return values
        if isinstance(x, mx.array) and isinstance(y, mx.array) and x.dtype == y.dtype:
            return values
    arrays = [v for v in values if isinstance(v, mx.array)]
    wanted = result_type(values)
    if all(a.dtype == wanted for a in arrays):
        return values
    return [
        v.astype(wanted) if isinstance(v, mx.array) and v.dtype != wanted else v for v in values
    ]


def result_type(values: Sequence[Any]) -> mx.Dtype:
    """The dtype that torch gives an operation on these arrays and Python numbers.

    Arrays with dimensions decide; then those of none and then Python numbers count only where they
    are of a higher kind: bool, int, float, complex. Numbers come in the default dtype of theirs.
    """
    arrays = [v for v in values if isinstance(v, mx.array)]
    groups = (
        [a.dtype for a in arrays if a.ndim],
        [a.dtype for a in arrays if not a.ndim],
        [_NUMBERS[type(v)] for v in values if type(v) in _NUMBERS],
    )
    result = None
    for group in filter(None, groups):
        dtype = group[0]
        for other in group[1:]:
            dtype = _wider(dtype, other)
        if result is None:
            result = dtype
        elif rank(dtype) > rank(result):
            result = _wider(result, dtype)
    if result is None:
        raise TypeError("expected a tensor or a number among the operands")
    return result


def _wider(a: mx.Dtype, b: mx.Dtype) -> mx.Dtype:
    return mx.result_type(mx.zeros((), a), mx.zeros((), b)) if a != b else a


def rank(dtype: mx.Dtype) -> int:
    """The kind of a dtype: bool 0, ints 1, floats 2, complex 3."""
    return next(i for i, kind in enumerate(_KINDS) if mx.issubdtype(dtype, kind))
