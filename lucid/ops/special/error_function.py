"""The error function and the normal distribution made of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.precise import with_derivative
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import first
from lucid.ops.series import chebyshev, polynomial

_SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0

# (1 + 2 x) e**(x * x) erfc(x) in Chebyshev polynomials of (x - 3.75) / (x + 3.75), a form of
# Shepherd and Laframboise (1981); computed with 40 digits by mpmath 1.3
_ERFCX = (
    1.1775789345674017,
    -0.004590054580646478,
    -0.08424913336651792,
    0.05920993999819189,
    -0.026658668435305753,
    0.009074997670705265,
    -0.002413163540417608,
    0.0004907758365258086,
    -6.916973302501207e-05,
    4.13902798607301e-06,
    7.74038306619849e-07,
    -2.1886401049234397e-07,
    1.076499946567091e-08,
    4.521959811218287e-09,
    -7.754400208831351e-10,
    -6.318088340886684e-11,
    2.86879501093067e-11,
    1.9455868545777347e-13,
    -9.65469674843344e-13,
    3.25254814814874e-14,
    3.3478119482868056e-14,
    -1.864562880419313e-15,
    -1.2507950530688648e-15,
    7.418235256624044e-17,
    5.068148904796111e-17,
)


def _scaled(x: mx.array) -> mx.array:
    """erfcx for x >= 0."""
    t = mx.where(mx.isinf(x), mx.ones_like(x), (x - 3.75) / (x + 3.75))
    return chebyshev(_ERFCX, t) / (1 + 2 * x)


def _bell(x: mx.array) -> mx.array:
    """e**(-x * x). x * x is split, as its rounding error would be multiplied by itself."""
    coarse = mx.round(x * 16) / 16
    return precise.exp(-coarse * coarse) * precise.exp(-(x - coarse) * (x + coarse))


def _complement(x: mx.array) -> mx.array:
    size = mx.minimum(mx.abs(x), 30.0)  # from there on it is 0
    tail = _bell(size) * _scaled(size)
    near = 1 - precise.erf(mx.clip(x, -0.5, 0.5))
    return mx.where(size < 0.5, near, mx.where(x < 0, 2 - tail, tail))


_erfc: Callable = with_derivative(_complement, lambda x: -_SLOPE * precise.exp(-x * x))


def _scaled_complement(x: mx.array) -> mx.array:
    size = mx.abs(x)
    positive = _scaled(size)
    small = mx.minimum(size, 30.0)
    mirrored = 2 / _bell(small) - positive
    return mx.where(x < 0, mx.where(size > 30.0, math.inf, mirrored), positive)


_erfcx: Callable = with_derivative(_scaled_complement, lambda x: 2 * x * _erfcx(x) - _SLOPE)


def _inverse(y: mx.array) -> mx.array:
    x = mx.erfinv(y)
    if y.dtype != mx.float64:
        return x
    # MLX computes in float32: two steps of Newton's method, or where y is rounded by its distance
    # from 1, the quantile of that
    near = mx.abs(y) < 0.5
    x = mx.where(near, x, 0.0)
    for _ in range(2):
        x = x - (precise.erf(x) - y) / (_SLOPE * precise.exp(-x * x))
    far = mx.sign(y) * _tail(0.5 * (1 - mx.abs(y))) * -math.sqrt(0.5)
    return mx.where(near, x, far)


_erfinv: Callable = with_derivative(_inverse, lambda y: precise.exp(mx.square(_erfinv(y))) / _SLOPE)


def _log_below(x: mx.array) -> mx.array:
    """The logarithm of the normal distribution function."""
    far = mx.log(_scaled(mx.maximum(-x, 0) * math.sqrt(0.5)) * 0.5) - 0.5 * x * x
    near = mx.log1p(-0.5 * _complement(mx.maximum(x, -1.5) * math.sqrt(0.5)))
    return mx.where(x < -1, far, near)


def _inverse_mills(x: mx.array) -> mx.array:
    """The normal density over the distribution function."""
    return math.sqrt(2 / math.pi) / _erfcx(-x * math.sqrt(0.5))


_log_ndtr: Callable = with_derivative(_log_below, lambda x: _inverse_mills(x))


def _tail(p: mx.array) -> mx.array:
    """Where the normal distribution function is p, for p up to 1/2; NaN below 0.

    A first guess (Abramowitz and Stegun 26.2.23), then Newton's method on the logarithm, which
    is concave, so that it converges.
    """
    inside = p > 0
    log = mx.log(mx.where(inside, p, 0.5))
    t = mx.sqrt(mx.maximum(-2 * log, 0))
    numerator = polynomial((2.515517, 0.802853, 0.010328), t)
    x = numerator / polynomial((1, 1.432788, 0.189269, 0.001308), t) - t
    for _ in range(3 if p.dtype == mx.float64 else 2):
        x = x - (_log_below(x) - log) / _inverse_mills(x)
    return mx.where(inside, x, mx.where(p == 0, -math.inf, math.nan))


def _quantile(p: mx.array) -> mx.array:
    middle = mx.abs(p - 0.5) < 0.25
    near = math.sqrt(2) * _inverse(mx.where(middle, 2 * p - 1, 0.0))
    far = _tail(mx.minimum(p, 1 - p))
    return mx.where(middle, near, mx.where(p > 0.5, -far, far))


_ndtri: Callable = with_derivative(
    _quantile, lambda p: math.sqrt(2 * math.pi) * precise.exp(0.5 * mx.square(_ndtri(p)))
)


@op(samples=first)
def erf(x, /):
    """The error function: 2 / sqrt(pi) times the integral of e**(-t * t) from 0 to x.

    >>> lucid.erf(lucid.tensor([0.5, 1.0]))
    Tensor([0.5205, 0.8427], grad=None)
    """
    return precise.erf(x), lambda g: g * (_SLOPE * precise.exp(-x * x))


@op(samples=first)
@rounded_once
def erfc(x, /):
    """1 - erf(x), accurate where that is small.

    >>> lucid.erfc(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 0.1573], grad=None)
    """
    return _erfc(x), lambda g: g * (-_SLOPE * precise.exp(-x * x))


@op(samples=first)
@rounded_once
def erfcx(x, /):
    """e**(x * x) * erfc(x).

    >>> lucid.special.erfcx(lucid.tensor([0.0, 100.0]))
    Tensor([1.    , 0.0056], grad=None)
    """
    y = _erfcx(x)
    return y, lambda g: g * (2 * x * y - _SLOPE)


@op(samples=first)
@rounded_once
def erfinv(x, /):
    """The number whose error function is x; NaN where |x| > 1.

    >>> lucid.erfinv(lucid.tensor([0.0, 0.5, 1.0]))
    Tensor([0.    , 0.4769,    inf], grad=None)
    """
    y = _erfinv(x)
    return y, lambda g: g * (precise.exp(y * y) / _SLOPE)


@op(samples=first)
@rounded_once
def ndtr(x, /):
    """The normal distribution function, (1 + erf(x / sqrt(2))) / 2: the probability of less than x.

    >>> lucid.special.ndtr(lucid.tensor([0.0, 1.96]))
    Tensor([0.5  , 0.975], grad=None)
    """
    density = lambda: precise.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)  # noqa: E731
    return 0.5 * _erfc(-x * math.sqrt(0.5)), lambda g: g * density()


@op(samples=first)
@rounded_once
def log_ndtr(x, /):
    """The logarithm of `ndtr`, also where that is 0.

    >>> lucid.special.log_ndtr(lucid.tensor([0.0, -20.0]))
    Tensor([  -0.6931, -203.9172], grad=None)
    """
    return _log_ndtr(x), lambda g: g * _inverse_mills(x)


@op(samples=first)
@rounded_once
def ndtri(x, /):
    """The inverse of `ndtr`: the number that a normal one is below with probability x.

    >>> lucid.special.ndtri(lucid.tensor([0.5, 0.975]))
    Tensor([0.  , 1.96], grad=None)
    """
    y = _ndtri(x)
    return y, lambda g: g * (math.sqrt(2 * math.pi) * precise.exp(0.5 * y * y))
