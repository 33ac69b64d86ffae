"""Elementary functions of one tensor: exponentials, roots, trigonometry, error function."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.kernels import elementwise
from lucid.ops import precise
from lucid.ops.fused import fused
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.rules import holomorphic, rounded_once
from lucid.ops.samplewise import first


@op(samples=first)
@holomorphic
def exp(x, /):
    """e**x.

    >>> import lucid
    >>> lucid.exp(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 2.7183], grad=None)
    """
    y = precise.exp(x)
    return y, lambda g: g * y


@op(samples=first)
@holomorphic
def expm1(x, /):
    """e**x - 1, accurate for small x.

    >>> lucid.expm1(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 1.7183], grad=None)
    """
    y = precise.expm1(x)
    return y, lambda g: g * (y + 1)


@op(samples=first)
@rounded_once
@holomorphic
def exp2(x, /):
    """2**x.

    >>> lucid.exp2(lucid.tensor([-1.0, 0.0, 3.0]))
    Tensor([0.5, 1. , 8. ], grad=None)
    """
    y = precise.power(mx.array(2, x.dtype), x)
    return y, lambda g: g * (math.log(2) * y)


@op(samples=first)
@holomorphic
def log(x, /):
    """The natural logarithm; -inf at 0, NaN below.

    >>> lucid.log(lucid.tensor([1.0, 10.0]))
    Tensor([0.    , 2.3026], grad=None)
    """
    return mx.log(x), lambda g: g / x


@op(samples=first)
@holomorphic
def log2(x, /):
    """The logarithm to base 2.

    >>> lucid.log2(lucid.tensor([1.0, 8.0]))
    Tensor([0., 3.], grad=None)
    """
    return mx.log2(x), lambda g: g / (x * math.log(2))


@op(samples=first)
@holomorphic
def log10(x, /):
    """The logarithm to base 10.

    >>> lucid.log10(lucid.tensor([1.0, 0.001]))
    Tensor([ 0., -3.], grad=None)
    """
    return mx.log10(x), lambda g: g / (x * math.log(10))


@op(samples=first)
@holomorphic
def log1p(x, /):
    """log(1 + x), accurate for small x.

    >>> lucid.log1p(lucid.tensor([0.0, 1e-8]))
    Tensor([0.e+00, 1.e-08], grad=None)
    """
    return mx.log1p(x), lambda g: g / (1 + x)


@op(samples=first)
@holomorphic
def sqrt(x, /):
    """The square root; NaN below 0.

    >>> lucid.sqrt(lucid.tensor([4.0, 2.0]))
    Tensor([2.    , 1.4142], grad=None)
    """
    y = mx.sqrt(x)
    return y, lambda g: g * 0.5 / y


@op(samples=first)
@rounded_once
@holomorphic
def rsqrt(x, /):
    """1 / sqrt(x).

    >>> lucid.rsqrt(lucid.tensor([4.0, 0.25]))
    Tensor([0.5, 2. ], grad=None)
    """
    y = mx.rsqrt(x)
    return y, lambda g: g * -0.5 * y / x


@op(samples=first)
@holomorphic
def square(x, /):
    """x * x.

    >>> lucid.square(lucid.tensor([-3.0, 0.5]))
    Tensor([9.  , 0.25], grad=None)
    """
    x = x.astype(mx.int64) if x.dtype == mx.bool_ else x
    return mx.square(x), lambda g: g * (2 * x)


@op(samples=first)
@holomorphic
def reciprocal(x, /):
    """1 / x.

    >>> lucid.reciprocal(lucid.tensor([2.0, -4.0]))
    Tensor([ 0.5 , -0.25], grad=None)
    """
    y = mx.reciprocal(x)
    return y, lambda g: -g * y * y


@op(samples=first)
@holomorphic
def sin(x, /):
    """The sine of x in radians.

    >>> lucid.sin(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8415], grad=None)
    """
    return precise.sin(x), lambda g: g * precise.cos(x)


@op(samples=first)
@holomorphic
def cos(x, /):
    """The cosine of x in radians.

    >>> lucid.cos(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 0.5403], grad=None)
    """
    return precise.cos(x), lambda g: -g * precise.sin(x)


@op(samples=first)
@holomorphic
def tan(x, /):
    """The tangent of x in radians.

    >>> lucid.tan(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 1.5574], grad=None)
    """
    y = precise.tan(x)
    return y, lambda g: g * (1 + y * y)


@op(samples=first)
@holomorphic
def asin(x, /):
    """The angle in [-pi/2, pi/2] whose sine is x; NaN where |x| > 1.

    >>> lucid.asin(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 1.5708], grad=None)
    """
    return mx.arcsin(x), lambda g: g * mx.rsqrt(1 - x * x)


@op(samples=first)
@holomorphic
def acos(x, /):
    """The angle in [0, pi] whose cosine is x; NaN where |x| > 1.

    >>> lucid.acos(lucid.tensor([1.0, 0.0]))
    Tensor([0.    , 1.5708], grad=None)
    """
    return mx.arccos(x), lambda g: -g * mx.rsqrt(1 - x * x)


@op(samples=first)
@holomorphic
def atan(x, /):
    """The angle in (-pi/2, pi/2) whose tangent is x.

    >>> lucid.atan(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7854], grad=None)
    """
    return mx.arctan(x), lambda g: g / (1 + x * x)


@op(samples=first)
@holomorphic
def sinh(x, /):
    """The hyperbolic sine, (e**x - e**-x) / 2.

    >>> lucid.sinh(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 1.1752], grad=None)
    """
    return mx.sinh(x), lambda g: g * mx.cosh(x)


@op(samples=first)
@holomorphic
def cosh(x, /):
    """The hyperbolic cosine, (e**x + e**-x) / 2.

    >>> lucid.cosh(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 1.5431], grad=None)
    """
    return mx.cosh(x), lambda g: g * mx.sinh(x)


@op(samples=first)
@holomorphic
def tanh(x, /):
    """The hyperbolic tangent, sinh(x) / cosh(x).

    >>> lucid.tanh(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7616], grad=None)
    """
    y = elementwise.tanh(x)
    return y, lambda g: _tanh_back(g, y)


@fused
def _tanh_back(g, y):
    return g * (1 - y * y)


@op(samples=first)
@holomorphic
def asinh(x, /):
    """The number whose hyperbolic sine is x.

    >>> lucid.asinh(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8814], grad=None)
    """
    return mx.arcsinh(x), lambda g: g * mx.rsqrt(x * x + 1)


@op(samples=first)
@holomorphic
def acosh(x, /):
    """The number, not negative, whose hyperbolic cosine is x; NaN where x < 1.

    >>> lucid.acosh(lucid.tensor([1.0, 2.0]))
    Tensor([0.   , 1.317], grad=None)
    """
    return mx.arccosh(x), lambda g: g * mx.rsqrt(x - 1) * mx.rsqrt(x + 1)


@op(samples=first)
@holomorphic
def atanh(x, /):
    """The number whose hyperbolic tangent is x; NaN where |x| > 1.

    >>> lucid.atanh(lucid.tensor([0.0, 0.5, 1.0]))
    Tensor([0.    , 0.5493,    inf], grad=None)
    """
    return mx.arctanh(x), lambda g: g / (1 - x * x)


@op(samples=first)
@rounded_once
@holomorphic
def sigmoid(x, /):
    """1 / (1 + e**-x).

    >>> lucid.sigmoid(lucid.tensor([-1.0, 0.0, 1.0]))
    Tensor([0.2689, 0.5   , 0.7311], grad=None)
    """
    y = precise.sigmoid(x)
    return y, lambda g: _sigmoid_back(g, y)


@fused
def _sigmoid_back(g, y):
    return g * y * (1 - y)


@op(samples=first)
@rounded_once
@holomorphic
def sinc(x, /):
    """sin(pi x) / (pi x), and 1 at 0.

    >>> lucid.sinc(lucid.tensor([0.0, 0.5]))
    Tensor([1.    , 0.6366], grad=None)
    """
    return precise.sinc(x), lambda g: g * precise.sinc_slope(x)


@op(samples=first)
@rounded_once
def logit(x, /, eps=None):
    """log(x / (1 - x)), the inverse of the sigmoid; x is first cut to [eps, 1 - eps], if given.

    >>> lucid.logit(lucid.tensor([0.5, 0.75]))
    Tensor([0.    , 1.0986], grad=None)
    """
    inside = mx.array(True) if eps is None else (x >= eps) & (x <= 1 - eps)
    if eps is not None:
        x = mx.clip(x, eps, 1 - eps)

    def rule(g):
        return mx.where(inside, g / (x * (1 - x)), mx.zeros_like(g))

    return mx.log(x) - mx.log1p(-x), rule


def deg2rad(input):
    """Degrees in radians: x * pi / 180.

    >>> lucid.deg2rad(lucid.tensor([90.0, 180.0]))
    Tensor([1.5708, 3.1416], grad=None)
    """
    return mul(input, math.pi / 180)


def rad2deg(input):
    """Radians in degrees: x * 180 / pi.

    >>> lucid.rad2deg(lucid.tensor([1.0, 2.0]))
    Tensor([ 57.2958, 114.5916], grad=None)
    """
    return mul(input, 180 / math.pi)
