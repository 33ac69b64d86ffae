"""Comparisons and logic: results are bool and have no derivative."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.reduce import all


@op
def eq(x, y, /):
    """x == y, elementwise."""
    return mx.equal(x, y), None


@op
def ne(x, y, /):
    """x != y, elementwise."""
    return mx.not_equal(x, y), None


@op
def lt(x, y, /):
    """x < y, elementwise."""
    return mx.less(x, y), None


@op
def le(x, y, /):
    """x <= y, elementwise."""
    return mx.less_equal(x, y), None


@op
def gt(x, y, /):
    """x > y, elementwise."""
    return mx.greater(x, y), None


@op
def ge(x, y, /):
    """x >= y, elementwise."""
    return mx.greater_equal(x, y), None


@op
def isnan(x, /):
    """True where x is NaN."""
    return mx.isnan(x), None


@op
def isfinite(x, /):
    """True where x is neither infinite nor NaN."""
    return mx.isfinite(x), None


@op
def isinf(x, /):
    """True where x is infinite."""
    return mx.isinf(x), None


@op
def logical_not(x, /):
    """True where x is zero or False."""
    return mx.logical_not(x), None


@op
def logical_and(x, y, /):
    """True where both are nonzero."""
    return mx.logical_and(x, y), None


@op
def logical_or(x, y, /):
    """True where either is nonzero."""
    return mx.logical_or(x, y), None


@op
def logical_xor(x, y, /):
    """True where exactly one is nonzero."""
    return mx.not_equal(mx.not_equal(x, 0), mx.not_equal(y, 0)), None


@op
def bitwise_and(x, y, /):
    """x & y of integers, or "and" of bools."""
    return mx.bitwise_and(x, y), None


@op
def bitwise_or(x, y, /):
    """x | y of integers, or "or" of bools."""
    return mx.bitwise_or(x, y), None


@op
def bitwise_xor(x, y, /):
    """x ^ y of integers, or "exactly one" of bools."""
    return mx.bitwise_xor(x, y), None


@op
def bitwise_not(x, /):
    """~x of integers, or "not" of bools."""
    return mx.bitwise_invert(x), None


@op
def isclose(x, y, /, rtol=1e-5, atol=1e-8, equal_nan=False):
    """True where |x - y| <= atol + rtol * |y|."""
    return mx.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan), None


def allclose(
    x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """True if |x - y| <= atol + rtol * |y| everywhere.

    >>> import lucid
    >>> lucid.allclose(lucid.ones(2), lucid.ones(2) + 1e-9)
    True
    """
    return bool(all(isclose(x, y, rtol, atol, equal_nan)))


def equal(x: Any, y: Any) -> bool:
    """True if shapes and all values are the same."""
    return x.shape == y.shape and bool(all(eq(x, y)))
