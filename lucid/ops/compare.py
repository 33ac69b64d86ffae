"""Comparisons and logic: results are bool and have no derivative."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.reduce import all
from lucid.ops.samplewise import first


@op(broadcasts=True)
def eq(x, y, /):
    """x == y, elementwise.

    >>> lucid.eq(lucid.tensor([1, 2, 3]), 2)
    Tensor([False,  True, False], grad=None)
    """
    return mx.equal(*_comparable(x, y)), None


@op(broadcasts=True)
def ne(x, y, /):
    """x != y, elementwise.

    >>> lucid.ne(lucid.tensor([1, 2, 3]), 2)
    Tensor([ True, False,  True], grad=None)
    """
    return mx.not_equal(*_comparable(x, y)), None


@op(broadcasts=True)
def lt(x, y, /):
    """x < y, elementwise.

    >>> lucid.lt(lucid.tensor([1, 2, 3]), 2)
    Tensor([ True, False, False], grad=None)
    """
    return mx.less(*_comparable(x, y)), None


@op(broadcasts=True)
def le(x, y, /):
    """x <= y, elementwise.

    >>> lucid.le(lucid.tensor([1, 2, 3]), 2)
    Tensor([ True,  True, False], grad=None)
    """
    return mx.less_equal(*_comparable(x, y)), None


@op(broadcasts=True)
def gt(x, y, /):
    """x > y, elementwise.

    >>> lucid.gt(lucid.tensor([1, 2, 3]), 2)
    Tensor([False, False,  True], grad=None)
    """
    return mx.greater(*_comparable(x, y)), None


@op(broadcasts=True)
def ge(x, y, /):
    """x >= y, elementwise.

    >>> lucid.ge(lucid.tensor([1, 2, 3]), 2)
    Tensor([False,  True,  True], grad=None)
    """
    return mx.greater_equal(*_comparable(x, y)), None


def _comparable(x: Any, y: Any) -> tuple[Any, Any]:
    """Integers in 64 bits where a number may not fit into the tensor's dtype."""
    for number, array in ((x, y), (y, x)):
        if type(number) is int and not 0 <= number < 128 and mx.issubdtype(array.dtype, mx.integer):
            return tuple(v.astype(mx.int64) if v is array else v for v in (x, y))
    return x, y


@op(samples=first)
def isnan(x, /):
    """True where x is NaN.

    >>> lucid.isnan(lucid.tensor([1.0, lucid.nan]))
    Tensor([False,  True], grad=None)
    """
    return mx.isnan(x), None


@op(samples=first)
def isfinite(x, /):
    """True where x is neither infinite nor NaN.

    >>> lucid.isfinite(lucid.tensor([1.0, lucid.nan, lucid.inf]))
    Tensor([ True, False, False], grad=None)
    """
    return mx.isfinite(x), None


@op(samples=first)
def isinf(x, /):
    """True where x is infinite.

    >>> lucid.isinf(lucid.tensor([1.0, lucid.nan, -lucid.inf]))
    Tensor([False, False,  True], grad=None)
    """
    return mx.isinf(x), None


@op(samples=first)
def logical_not(x, /):
    """True where x is zero or False.

    >>> lucid.logical_not(lucid.tensor([0.0, 2.0]))
    Tensor([ True, False], grad=None)
    """
    return mx.logical_not(x), None


@op(broadcasts=True)
def logical_and(x, y, /):
    """True where both are nonzero.

    >>> lucid.logical_and(lucid.tensor([1, 1, 0]), lucid.tensor([2, 0, 0]))
    Tensor([ True, False, False], grad=None)
    """
    return mx.logical_and(x, y), None


@op(broadcasts=True)
def logical_or(x, y, /):
    """True where either is nonzero.

    >>> lucid.logical_or(lucid.tensor([1, 1, 0]), lucid.tensor([2, 0, 0]))
    Tensor([ True,  True, False], grad=None)
    """
    return mx.logical_or(x, y), None


@op(broadcasts=True)
def logical_xor(x, y, /):
    """True where exactly one is nonzero.

    >>> lucid.logical_xor(lucid.tensor([1, 1, 0]), lucid.tensor([2, 0, 0]))
    Tensor([False,  True, False], grad=None)
    """
    return mx.not_equal(mx.not_equal(x, 0), mx.not_equal(y, 0)), None


@op(samples=first)
def isposinf(x, /):
    """True where x is inf.

    >>> lucid.isposinf(lucid.tensor([lucid.inf, -lucid.inf]))
    Tensor([ True, False], grad=None)
    """
    return _is(x, float("inf")), None


@op(samples=first)
def isneginf(x, /):
    """True where x is -inf.

    >>> lucid.isneginf(lucid.tensor([lucid.inf, -lucid.inf]))
    Tensor([False,  True], grad=None)
    """
    return _is(x, float("-inf")), None


def _is(x: mx.array, value: float) -> mx.array:
    if mx.issubdtype(x.dtype, mx.complexfloating):
        raise TypeError("complex numbers have no order; look at x.real and x.imag")
    return x == value


@op(samples=first)
def isreal(x, /):
    """True where x has no imaginary part.

    >>> lucid.isreal(lucid.tensor([1 + 0j, 1 + 2j]))
    Tensor([ True, False], grad=None)
    """
    is_complex = mx.issubdtype(x.dtype, mx.complexfloating)
    return mx.imag(x) == 0 if is_complex else mx.ones(x.shape, mx.bool_), None


@op(samples=first)
def signbit(x, /):
    """True where x is negative, also -0.0.

    >>> lucid.signbit(lucid.tensor([1.0, -0.0, -2.0]))
    Tensor([False,  True,  True], grad=None)
    """
    if not mx.issubdtype(x.dtype, mx.floating):
        return x < 0, None
    return (x < 0) | ((x == 0) & (mx.reciprocal(x) < 0)), None


@op(broadcasts=True)
def isclose(x, y, /, rtol=1e-5, atol=1e-8, equal_nan=False):
    """True where |x - y| <= atol + rtol * |y|.

    Raises:
        ValueError: a negative tolerance.

    >>> lucid.isclose(lucid.tensor([1.0, 1.0]), lucid.tensor([1.000001, 1.1]))
    Tensor([ True, False], grad=None)
    """
    if rtol < 0 or atol < 0:
        raise ValueError(f"tolerances must not be negative, got rtol={rtol} and atol={atol}")
    return mx.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan), None


def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """True if |input - other| <= atol + rtol * |other| everywhere.

    >>> import lucid
    >>> lucid.allclose(lucid.ones(2), lucid.ones(2) + 1e-9)
    True
    """
    return bool(all(isclose(input, other, rtol, atol, equal_nan)))


def equal(input: Any, other: Any) -> bool:
    """True if shapes and all values are the same.

    >>> lucid.equal(lucid.tensor([1, 2]), lucid.tensor([1, 2]))
    True
    """
    return input.shape == other.shape and bool(all(eq(input, other)))
