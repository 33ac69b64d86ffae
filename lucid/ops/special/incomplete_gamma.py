"""The regularised incomplete gamma functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.rules import rounded_once
from lucid.ops.special.gamma import log_gamma

_STEPS = 200  # enough for a up to some hundreds in float64, where x is near a


@op(broadcasts=True)
@rounded_once
def igamma(input, other, /):
    """P(a, x), the integral of t**(a - 1) e**-t / gamma(a) from 0 to x, for a = input, x = other.

    As in torch there is no gradient in a.

    >>> import lucid
    >>> lucid.igamma(lucid.ones(1), lucid.ones(1))  # 1 - 1 / e
    Tensor([0.6321], grad=None)
    """
    return _regularised(input, other, upper=False), _rule(input, other, 1)


@op(broadcasts=True)
@rounded_once
def igammac(input, other, /):
    """Q(a, x) = 1 - P(a, x), see `igamma`; accurate where it is small.

    >>> lucid.igammac(lucid.tensor([1.0]), lucid.tensor([2.0]))
    Tensor([0.1353], grad=None)
    """
    return _regularised(input, other, upper=True), _rule(input, other, -1)


def _rule(a: mx.array, x: mx.array, sign: int) -> Callable:
    def rule(g):
        return None, g * sign * precise.exp((a - 1) * mx.log(x) - x - log_gamma(a))

    return rule


def _regularised(a: mx.array, x: mx.array, *, upper: bool) -> mx.array:
    a, x = mx.broadcast_arrays(a, x)
    inside = (a > 0) & (x > 0) & mx.isfinite(a) & mx.isfinite(x)
    p, q = mx.where(inside, a, 1.0), mx.where(inside, x, 1.0)
    scale = precise.exp(p * mx.log(q) - q - log_gamma(p))
    below = q < p + 1  # there the series converges quickly, else the fraction
    series = scale * _series(p, mx.where(below, q, p))
    fraction = scale * _fraction(p, mx.where(below, p + 1, q))
    y = mx.where(below, 1 - series, fraction) if upper else mx.where(below, series, 1 - fraction)
    edge = _at_edges(a, x)
    return mx.where(inside, y, 1 - edge if upper else edge)


def _at_edges(a: mx.array, x: mx.array) -> mx.array:
    """P where an argument is 0, infinite or out of range (NaN)."""
    valid = (a >= 0) & (x >= 0)
    y = mx.where(x == 0, 0.0, mx.where(mx.isinf(x) | (a == 0), 1.0, 0.0))
    undefined = ~valid | ((a == 0) & (x == 0)) | (mx.isinf(a) & mx.isinf(x))
    return mx.where(undefined, math.nan, y).astype(a.dtype)


def _series(a: mx.array, x: mx.array) -> mx.array:
    """The sum of x**n / (a (a + 1) ... (a + n)) (Abramowitz and Stegun 6.5.29)."""
    term = total = 1 / a
    for n in range(1, _STEPS):
        term = term * (x / (a + n))
        total = total + term
    return total


def _fraction(a: mx.array, x: mx.array) -> mx.array:
    """The continued fraction of Q, from below (Abramowitz and Stegun 6.5.31, contracted)."""
    y = mx.zeros_like(x)
    for n in range(_STEPS, 0, -1):
        y = n * (a - n) / (x + 2 * n + 1 - a + y)
    return 1 / (x + 1 - a + y)
