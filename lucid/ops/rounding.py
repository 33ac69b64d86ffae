"""Rounding and what goes with it. The derivative of a rounded value is 0."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.samplewise import first


def _flat(g: mx.array) -> mx.array:
    return mx.zeros_like(g)


@op(linear=True, samples=first)
def floor(x, /):
    """The largest integer not above x.

    >>> lucid.floor(lucid.tensor([-1.5, 1.5]))
    Tensor([-2.,  1.], grad=None)
    """
    return _whole(mx.floor, x), _flat


@op(linear=True, samples=first)
def ceil(x, /):
    """The smallest integer not below x.

    >>> lucid.ceil(lucid.tensor([-1.5, 1.5]))
    Tensor([-1.,  2.], grad=None)
    """
    return _whole(mx.ceil, x), _flat


@op(linear=True, samples=first)
def trunc(x, /):
    """x without its digits after the point.

    >>> lucid.trunc(lucid.tensor([-1.5, 1.5]))
    Tensor([-1.,  1.], grad=None)
    """
    return _whole(_truncated, x), _flat


def _whole(function: Callable, x: mx.array) -> mx.array:
    """The function that makes numbers whole; integers are."""
    if x.dtype in (mx.bool_, mx.complex64):
        raise TypeError(f"rounding expects real numbers, got {x.dtype}")
    return function(x) if mx.issubdtype(x.dtype, mx.floating) else x


def _truncated(x: mx.array) -> mx.array:
    return mx.where(x < 0, mx.ceil(x), mx.floor(x))


@op(linear=True, samples=first)
def frac(x, /):
    """x - trunc(x): the digits of x after the point, with the sign of x.

    Raises:
        TypeError: integers or bools.

    >>> lucid.frac(lucid.tensor([-1.5, 1.25]))
    Tensor([-0.5 ,  0.25], grad=None)
    """
    if not mx.issubdtype(x.dtype, mx.floating):
        raise TypeError(f"frac expects a floating point tensor, got {x.dtype}")
    return x - _truncated(x), lambda g: g


@op(linear=True, samples=first)
def round(x, /, *, decimals=0):
    """The nearest number of `decimals` digits after the point; halves go to the even one.

    Raises:
        TypeError: decimals of integers or of complex numbers.

    >>> import lucid
    >>> lucid.round(lucid.tensor([0.5, 1.5, 2.7]))
    Tensor([0., 2., 3.], grad=None)
    """
    if decimals == 0:
        return _whole(mx.round, x), _flat
    if not mx.issubdtype(x.dtype, mx.floating):
        raise TypeError(f"round to decimals expects a floating point tensor, got {x.dtype}")
    wide = x.astype(mx.float32) if x.dtype in (mx.float16, mx.bfloat16) else x
    # with a whole factor, as a negative power of ten is not exact
    ten = 10.0 ** builtins.abs(decimals)
    y = mx.round(wide * ten) / ten if decimals > 0 else mx.round(wide / ten) * ten
    return y.astype(x.dtype), _flat


@op(linear=True, samples=first)
def sign(x, /):
    """-1 where x is negative, 1 where it is positive, and 0 at 0.

    Raises:
        TypeError: complex numbers, for which there is `sgn`.

    >>> lucid.sign(lucid.tensor([-2.0, 0.0, 3.0]))
    Tensor([-1.,  0.,  1.], grad=None)
    """
    if x.dtype == mx.complex64:
        raise TypeError("sign expects real numbers, got complex64; use sgn")
    return (x if x.dtype == mx.bool_ else mx.sign(x)), _flat


@op(samples=first)
def sgn(x, /):
    """sign(x) of real numbers; of complex ones, the point x / |x| of the unit circle.

    >>> lucid.sgn(lucid.tensor([3 + 4j]))
    Tensor([0.6+0.8j], grad=None, dtype=complex64)
    """
    if x.dtype != mx.complex64:
        return (x if x.dtype == mx.bool_ else mx.sign(x)), _flat
    size = mx.abs(x)
    safe = mx.where(size == 0, mx.ones_like(size), size)
    y = mx.where(size == 0, mx.zeros_like(x), x / safe)
    # what moves along the circle stays, what moves away from it goes
    return y, lambda g: mx.where(size == 0, 0, (g - mx.real(mx.conjugate(y) * g) * y) / safe)


@op(samples=first)
def nan_to_num(x, /, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced; infinities by the largest finite values unless told.

    >>> lucid.nan_to_num(lucid.tensor([lucid.nan, 1.0, lucid.inf]), posinf=9.0)
    Tensor([0., 1., 9.], grad=None)
    """
    if not mx.issubdtype(x.dtype, mx.inexact):
        return x, None
    y = mx.where(mx.isnan(x), mx.array(nan, x.dtype), x)
    limits = mx.finfo(x.dtype)
    for infinity, given, limit in (("inf", posinf, limits.max), ("-inf", neginf, limits.min)):
        y = mx.where(x == float(infinity), mx.array(limit if given is None else given, x.dtype), y)
    return y, lambda g: mx.where(mx.isfinite(x), g, mx.zeros_like(g))


class Parts(NamedTuple):
    """mantissa * 2**exponent."""

    mantissa: Any
    exponent: Any


def frexp(input):
    """(mantissa, exponent): input is mantissa * 2**exponent with 1/2 <= |mantissa| < 1, or 0.

    >>> import lucid
    >>> mantissa, exponent = lucid.frexp(lucid.tensor([6.0]))
    >>> mantissa.item(), exponent.item()
    (0.75, 3)
    """
    return Parts(*_frexp(input))


@op
def _frexp(x, /):
    if not mx.issubdtype(x.dtype, mx.floating):
        raise TypeError(f"frexp expects a floating point tensor, got {x.dtype}")
    wide = x if x.dtype == mx.float64 else x.astype(mx.float32)
    regular = mx.isfinite(wide) & (wide != 0)
    size = mx.where(regular, mx.abs(wide), 0.5)
    guess = mx.floor(mx.log2(size)) + 1  # right, or off by one next to powers of 2
    scaled = _times_power_of_two(size, -guess)
    exponent = guess + (scaled >= 1) - (scaled < 0.5)
    mantissa = mx.where(regular, _times_power_of_two(wide, -exponent), wide).astype(x.dtype)

    def rule(g, _):
        return mx.where(regular, _times_power_of_two(g.astype(wide.dtype), -exponent), 0)

    return (mantissa, mx.where(regular, exponent, 0).astype(mx.int32)), rule


def _times_power_of_two(x: mx.array, n: mx.array) -> mx.array:
    """x * 2**n in two steps, as 2**n alone may overflow."""
    half = mx.floor(n / 2)
    return x * mx.power(2.0, half) * mx.power(2.0, n - half)
