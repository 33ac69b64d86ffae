"""Functions of two tensors beside plain arithmetic, elementwise with broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops import precise
from lucid.ops.cast import astype
from lucid.ops.math import mul, pow
from lucid.ops.op import op
from lucid.ops.rules import holomorphic, rounded_once
from lucid.ops.where import where


@op(broadcasts=True)
def atan2(y, x, /):
    """The angle of the point (x, y), from -pi to pi.

    >>> lucid.atan2(lucid.tensor([1.0, -1.0]), lucid.tensor([1.0, -1.0]))
    Tensor([ 0.7854, -2.3562], grad=None)
    """

    def rule(g):
        square = mx.square(x) + mx.square(y)
        origin = square == 0  # where the gradient is 0, as in torch
        scaled = mx.where(origin, mx.zeros_like(g), g / mx.where(origin, 1, square))
        return scaled * x, -scaled * y

    return mx.arctan2(y, x), rule


@op(broadcasts=True)
@rounded_once
def hypot(x, y, /):
    """sqrt(x * x + y * y) without overflow.

    >>> lucid.hypot(lucid.tensor([3.0, 5.0]), lucid.tensor([4.0, 12.0]))
    Tensor([ 5., 13.], grad=None)
    """
    a, b = mx.abs(x), mx.abs(y)
    long, short = mx.maximum(a, b), mx.minimum(a, b)
    empty = (long == 0) | mx.isinf(long)
    ratio = mx.where(empty, mx.zeros_like(short), short / mx.where(empty, 1, long))
    z = mx.where(mx.isinf(a) | mx.isinf(b), math.inf, long * mx.sqrt(1 + ratio * ratio))
    return z, lambda g: (g * (x / z), g * (y / z))


@op(broadcasts=True)
@rounded_once
def copysign(x, y, /):
    """|x| with the sign of y, that of -0.0 too.

    >>> lucid.copysign(lucid.tensor([1.0, -2.0]), -0.0)
    Tensor([-1., -2.], grad=None)
    """
    negative = (y < 0) | ((y == 0) & (mx.reciprocal(y) < 0))
    size = mx.abs(x)
    z = mx.where(negative, -size, size)
    return z, lambda g: (g * mx.sign(x) * mx.sign(z), mx.zeros_like(g))


@op(broadcasts=True)
def fmax(x, y, /):
    """The larger of x and y; a NaN gives way to a number.

    >>> lucid.fmax(lucid.tensor([1.0, lucid.nan]), lucid.tensor([2.0, 3.0]))
    Tensor([2., 3.], grad=None)
    """
    return _unless_nan(mx.maximum, mx.greater_equal, x, y)


@op(broadcasts=True)
def fmin(x, y, /):
    """The smaller of x and y; a NaN gives way to a number.

    >>> lucid.fmin(lucid.tensor([1.0, lucid.nan]), lucid.tensor([2.0, 3.0]))
    Tensor([1., 3.], grad=None)
    """
    return _unless_nan(mx.minimum, mx.less_equal, x, y)


def _unless_nan(choose: Callable, keeps: Callable, x, y):
    z = mx.where(mx.isnan(x), y, mx.where(mx.isnan(y), x, choose(x, y)))

    def rule(g):  # of a tie the first gets all, as in torch
        first = (keeps(x, y) | mx.isnan(y)).astype(g.dtype)
        return g * first, g * (1 - first)

    return z, rule


@op(broadcasts=True)
def heaviside(x, values, /):
    """0 where x is negative, 1 where it is positive, and `values` where it is 0.

    >>> lucid.heaviside(lucid.tensor([-2.0, 0.0, 3.0]), lucid.tensor(0.5))
    Tensor([0. , 0.5, 1. ], grad=None)
    """
    x = x if isinstance(x, mx.array) else mx.array(x, values.dtype)
    step = (x > 0).astype(x.dtype)
    return mx.where(x == 0, values, mx.where(mx.isnan(x), x, step)), None


@op(broadcasts=True)
@rounded_once
@holomorphic
def logaddexp(x, y, /):
    """log(e**x + e**y) without overflow.

    >>> lucid.logaddexp(lucid.tensor([0.0, 1000.0]), lucid.tensor([0.0, 1000.0]))
    Tensor([   0.6931, 1000.6932], grad=None)
    """
    slopes = lambda: precise.logaddexp_slopes(x, y)  # noqa: E731
    return precise.logaddexp(x, y), lambda g: tuple(g * slope for slope in slopes())


@op(broadcasts=True)
@rounded_once
def logaddexp2(x, y, /):
    """log2(2**x + 2**y) without overflow.

    >>> lucid.logaddexp2(lucid.tensor([0.0, 1000.0]), lucid.tensor([0.0, 1000.0]))
    Tensor([   1., 1001.], grad=None)
    """
    scale = math.log(2)
    slopes = lambda: precise.logaddexp_slopes(scale * x, scale * y)  # noqa: E731
    z = precise.logaddexp(scale * x, scale * y) / scale
    return z, lambda g: tuple(g * slope for slope in slopes())


@op(broadcasts=True)
@rounded_once
@holomorphic
def xlogy(x, y, /):
    """x * log(y), and 0 where x is 0.

    >>> lucid.xlogy(lucid.tensor([0.0, 2.0]), lucid.tensor([0.0, 10.0]))
    Tensor([0.    , 4.6052], grad=None)
    """
    return _x_times(x, y, mx.log, lambda: y)


@op(broadcasts=True)
@rounded_once
@holomorphic
def xlog1py(x, y, /):
    """x * log1p(y), and 0 where x is 0.

    >>> lucid.special.xlog1py(lucid.tensor([0.0, 2.0]), lucid.tensor([-1.0, 1.0]))
    Tensor([0.    , 1.3863], grad=None)
    """
    return _x_times(x, y, mx.log1p, lambda: 1 + y)


def _x_times(x, y, log, inside):
    """x * log(y), with 0 for x = 0 wherever y is a number; `inside` is what the log is taken of."""
    zero = (x == 0) & ~mx.isnan(y)
    logarithm = log(mx.where(zero, mx.ones_like(y), y))

    def rule(g):
        in_x = mx.where((x == 0) & (inside() <= 0), mx.zeros_like(g), g * log(y))
        return in_x, g * x / inside()

    return mx.where(zero, mx.zeros_like(x * logarithm), x * logarithm), rule


def entr(input):
    """-x * log(x), the entropy: 0 at 0, -inf below.

    >>> lucid.special.entr(lucid.tensor([0.5, 2.0]))
    Tensor([ 0.3466, -1.3863], grad=None)
    """
    return where(input < 0, -math.inf, -xlogy(input, input))


def ldexp(input, other):
    """input * 2**other.

    >>> lucid.ldexp(lucid.tensor([1.0, 3.0]), lucid.tensor([3, -1]))
    Tensor([8. , 1.5], grad=None)
    """
    return mul(input, pow(2.0, other))


def float_power(input, exponent):
    """input ** exponent in float64, on the GPU in float32; complex64 where one is complex.

    Raises:
        TypeError: two numbers.

    >>> import lucid
    >>> lucid.float_power(lucid.tensor([2, 4]), -1).tolist()
    [0.5, 0.25]
    """
    tensors = [a for a in (input, exponent) if isinstance(a, Traced)]
    if not tensors:
        raise TypeError("float_power expects a Tensor as base, exponent or both")
    kinds = [a.dtype if isinstance(a, Traced) else type(a) for a in (input, exponent)]
    dtype = mx.float64 if tensors[0]._device == "cpu" else mx.float32
    if mx.complex64 in kinds or complex in kinds:
        dtype = mx.complex64
    wide = [astype(a, dtype) if isinstance(a, Traced) else a for a in (input, exponent)]
    return pow(*wide)


@op(broadcasts=True)
def nextafter(x, y, /):
    """The number next to x in the direction of y.

    >>> lucid.nextafter(lucid.tensor(1.0), lucid.tensor(2.0)).item()
    1.0000001192092896
    """

    def rule(g):  # 0 for equals, as in torch
        return mx.where(x == y, mx.zeros_like(g), g), mx.zeros_like(g)

    return precise.nextafter(x, y), rule
