"""Elementary functions of one tensor: exponentials, roots, trigonometry, error function."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.op import op


@op
def exp(x, /):
    """e**x.

    >>> import lucid
    >>> lucid.exp(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 2.7183], grad=None)
    """
    y = precise.exp(x)
    return y, lambda g: g * y


@op
def expm1(x, /):
    """e**x - 1, accurate for small x."""
    y = mx.expm1(x)
    return y, lambda g: g * (y + 1)


@op
def log(x, /):
    """The natural logarithm."""
    return mx.log(x), lambda g: g / x


@op
def log2(x, /):
    """The logarithm to base 2."""
    return mx.log2(x), lambda g: g / (x * math.log(2))


@op
def log10(x, /):
    """The logarithm to base 10."""
    return mx.log10(x), lambda g: g / (x * math.log(10))


@op
def log1p(x, /):
    """log(1 + x), accurate for small x."""
    return mx.log1p(x), lambda g: g / (1 + x)


@op
def sqrt(x, /):
    """The square root."""
    y = mx.sqrt(x)
    return y, lambda g: g * 0.5 / y


@op
def rsqrt(x, /):
    """1 / sqrt(x)."""
    y = mx.rsqrt(x)
    return y, lambda g: g * -0.5 * y / x


@op
def square(x, /):
    """x * x."""
    return mx.square(x), lambda g: g * (2 * x)


@op
def reciprocal(x, /):
    """1 / x."""
    y = mx.reciprocal(x)
    return y, lambda g: -g * y * y


@op
def sin(x, /):
    """The sine of x in radians."""
    return precise.sin(x), lambda g: g * precise.cos(x)


@op
def cos(x, /):
    """The cosine of x in radians."""
    return precise.cos(x), lambda g: -g * precise.sin(x)


@op
def tan(x, /):
    """The tangent of x in radians."""
    y = mx.tan(x)
    return y, lambda g: g * (1 + y * y)


@op
def asin(x, /):
    """The angle in [-pi/2, pi/2] whose sine is x."""
    return mx.arcsin(x), lambda g: g * mx.rsqrt(1 - x * x)


@op
def acos(x, /):
    """The angle in [0, pi] whose cosine is x."""
    return mx.arccos(x), lambda g: -g * mx.rsqrt(1 - x * x)


@op
def atan(x, /):
    """The angle in (-pi/2, pi/2) whose tangent is x."""
    return mx.arctan(x), lambda g: g / (1 + x * x)


@op
def sinh(x, /):
    """The hyperbolic sine."""
    return mx.sinh(x), lambda g: g * mx.cosh(x)


@op
def cosh(x, /):
    """The hyperbolic cosine."""
    return mx.cosh(x), lambda g: g * mx.sinh(x)


@op
def tanh(x, /):
    """The hyperbolic tangent."""
    y = mx.tanh(x)
    return y, lambda g: g * (1 - y * y)


@op
def sigmoid(x, /):
    """1 / (1 + e**-x)."""
    y = precise.sigmoid(x)
    return y, lambda g: g * y * (1 - y)


@op
def erf(x, /):
    """The error function."""
    return precise.erf(x), lambda g: g * (2 / math.sqrt(math.pi) * precise.exp(-x * x))
