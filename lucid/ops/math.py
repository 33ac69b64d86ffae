"""Elementwise arithmetic, with broadcasting."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.op import op


@op(broadcasts=True)
def add(x, y, /, *, alpha=1):
    """x + alpha * y, elementwise.

    >>> import lucid
    >>> lucid.add(lucid.tensor([1.0, 2.0]), 1)
    Tensor([2., 3.], grad=None)
    """
    if alpha != 1:
        return x + alpha * y, lambda g: (g, alpha * g)
    return x + y, lambda g: (g, g)


@op(broadcasts=True)
def sub(x, y, /, *, alpha=1):
    """x - alpha * y, elementwise."""
    if alpha != 1:
        return x - alpha * y, lambda g: (g, -alpha * g)
    return x - y, lambda g: (g, -g)


@op(broadcasts=True)
def mul(x, y, /):
    """x * y, elementwise."""
    return x * y, lambda g: (g * y, g * x)


@op(broadcasts=True)
def div(x, y, /):
    """x / y, elementwise; integers give floats."""
    z = mx.divide(x, y)
    return z, lambda g: (g / y, -g * z / y)


@op(broadcasts=True)
def pow(x, y, /):
    """x ** y, elementwise."""
    z = mx.power(x, y)

    def rule(g):
        dx = g * y * mx.power(x, y - 1) if not _is_zero(y) else mx.zeros_like(g)
        base = x if isinstance(x, mx.array) else mx.array(x)
        log = mx.where(base > 0, mx.log(mx.where(base > 0, base, 1)), 0)
        return dx, g * z * log

    return z, rule


def _is_zero(y: Any) -> bool:
    return not isinstance(y, mx.array) and y == 0


@op(broadcasts=True)
def maximum(x, y, /):
    """The larger of x and y, elementwise; the gradient of a tie is shared, as in torch."""
    z = mx.maximum(x, y)

    def rule(g):
        wins = mx.where(mx.equal(x, y), 0.5, mx.greater(x, y)).astype(g.dtype)
        return g * wins, g * (1 - wins)

    return z, rule


@op(broadcasts=True)
def minimum(x, y, /):
    """The smaller of x and y, elementwise; the gradient of a tie is shared, as in torch."""
    z = mx.minimum(x, y)

    def rule(g):
        wins = mx.where(mx.equal(x, y), 0.5, mx.less(x, y)).astype(g.dtype)
        return g * wins, g * (1 - wins)

    return z, rule


@op(broadcasts=True)
def where(condition, x, y, /):
    """x where the condition holds, else y."""

    def rule(g):
        zero = mx.zeros_like(g)
        return None, mx.where(condition, g, zero), mx.where(condition, zero, g)

    return mx.where(condition, x, y), rule


@op(linear=True)
def neg(x, /):
    """-x."""
    return -x, lambda g: -g


@op
def abs(x, /):
    """|x|; the gradient at 0 is 0."""
    return mx.abs(x), lambda g: g * mx.sign(x)


@op
def exp(x, /):
    """e**x."""
    y = mx.exp(x)
    return y, lambda g: g * y


@op
def log(x, /):
    """The natural logarithm."""
    return mx.log(x), lambda g: g / x


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
def sin(x, /):
    """The sine of x in radians."""
    return mx.sin(x), lambda g: g * mx.cos(x)


@op
def cos(x, /):
    """The cosine of x in radians."""
    return mx.cos(x), lambda g: -g * mx.sin(x)


@op
def tanh(x, /):
    """The hyperbolic tangent."""
    y = mx.tanh(x)
    return y, lambda g: g * (1 - y * y)


@op
def sigmoid(x, /):
    """1 / (1 + e**-x)."""
    y = mx.sigmoid(x)
    return y, lambda g: g * y * (1 - y)


@op
def erf(x, /):
    """The error function."""
    return mx.erf(x), lambda g: g * (1.1283791670955126 * mx.exp(-x * x))


@op
def clamp(x, /, min=None, max=None):
    """x limited to [min, max]; no gradient flows where it was cut."""
    y = mx.clip(x, min, max)

    def rule(g):
        inside = mx.array(True)
        if min is not None:
            inside = inside & (x >= min)
        if max is not None:
            inside = inside & (x <= max)
        return mx.where(inside, g, mx.zeros_like(g))

    return y, rule
