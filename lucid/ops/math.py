"""Elementwise arithmetic, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
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
    return x * y, lambda g: (g * _conjugate(y), g * _conjugate(x))


@op(broadcasts=True)
def div(x, y, /):
    """x / y, elementwise; integers give floats."""
    z = mx.divide(x, y)
    return z, lambda g: (g / _conjugate(y), -g * _conjugate(z / y))


def _conjugate(x: Any) -> Any:
    """The conjugate: what the derivative of a complex product multiplies with."""
    if isinstance(x, mx.array):
        return mx.conjugate(x) if x.dtype == mx.complex64 else x
    return x.conjugate() if isinstance(x, complex) else x


@op(broadcasts=True)
def pow(x, y, /):
    """x ** y, elementwise.

    Gradients as in torch: that in x is 0 where y is 0, that in y is 0 where x is 0 and y >= 0.
    """
    if isinstance(y, int) and y < 0 and not mx.issubdtype(x.dtype, mx.inexact):
        raise ValueError(f"integers to the negative power {y} are not integers; use x.float()")
    z = mx.power(x, y)

    def rule(g):
        return _power_in_base(g, x, y), _power_in_exponent(g, x, y, z)

    return z, rule


def _power_in_base(g: mx.array, x: Any, y: Any) -> mx.array | None:
    if isinstance(y, mx.array):
        return mx.where(y == 0, mx.zeros_like(g), g * y * mx.power(x, mx.where(y == 0, 1, y - 1)))
    if y == 0:
        return mx.zeros_like(g)
    if y == 1:
        return g
    return g * (2 * x) if y == 2 else g * (y * mx.power(x, y - 1))


def _power_in_exponent(g: mx.array, x: Any, y: Any, z: mx.array) -> mx.array | None:
    if not isinstance(y, mx.array):
        return None
    base = mx.array(x, z.dtype)
    at_zero = (base == 0) & (y >= 0)
    log = mx.log(mx.where(at_zero, mx.ones_like(base), base))
    return mx.where(at_zero, mx.zeros_like(g), g * z * log)


@op(broadcasts=True)
def floor_divide(x, y, /):
    """The largest integer not above x / y, elementwise.

    Raises:
        ZeroDivisionError: integers divided by 0.
    """
    if _floating(x, y):
        return mx.floor(mx.divide(x, y)), None
    return _divided(x, y)[0], None


@op(broadcasts=True)
def remainder(x, y, /):
    """x - y * floor(x / y), elementwise: it has the sign of y, as Python's %.

    Raises:
        ZeroDivisionError: integers divided by 0.
    """
    if not _floating(x, y):
        return _divided(x, y)[1], None
    return mx.remainder(x, y), lambda g: (g, -g * mx.floor(mx.divide(x, y)))


def _floating(*values: Any) -> bool:
    return any(
        mx.issubdtype(v.dtype, mx.inexact) if isinstance(v, mx.array) else isinstance(v, float)
        for v in values
    )


def _divided(x: Any, y: Any) -> tuple[mx.array, mx.array]:
    """Integer quotient and remainder. MLX gives 0 for x // 0, and dies of the lowest int // -1."""
    dtype = mx.result_type(*(v for v in (x, y) if isinstance(v, mx.array)))
    if dtype == mx.bool_:
        raise TypeError("integer division expects integers, got bool")
    x, y = mx.broadcast_arrays(mx.array(x, dtype), mx.array(y, dtype))
    if y.size and not laziness.is_tracing() and (y == 0).any().item():
        raise ZeroDivisionError("integers cannot be divided by 0; use x.float() to get inf")
    if mx.issubdtype(dtype, mx.unsignedinteger):
        return mx.floor_divide(x, y), mx.remainder(x, y)
    minus = y == -1
    safe = mx.where(minus, mx.array(1, dtype), y)
    quotient = mx.where(minus, -x, mx.floor_divide(x, safe))
    return quotient, mx.where(minus, mx.array(0, dtype), mx.remainder(x, safe))


@op(broadcasts=True)
def maximum(x, y, /):
    """The larger of x and y, elementwise; the gradient of a tie is shared, as in torch."""
    return mx.maximum(x, y), _to_the_winner(x, y, mx.greater)


@op(broadcasts=True)
def minimum(x, y, /):
    """The smaller of x and y, elementwise; the gradient of a tie is shared, as in torch."""
    return mx.minimum(x, y), _to_the_winner(x, y, mx.less)


def _to_the_winner(x: mx.array, y: mx.array, beats: Callable) -> Callable:
    """The rule that hands the gradient to the side that was taken, half to each in a tie."""

    def rule(g):
        wins = mx.where(mx.equal(x, y), 0.5, beats(x, y)).astype(g.dtype)
        return g * wins, g * (1 - wins)

    return rule


@op(broadcasts=True)
def atan2(y, x, /):
    """The angle of the point (x, y), from -pi to pi."""

    def rule(g):
        square = mx.square(x) + mx.square(y)
        return g * x / square, -g * y / square

    return mx.arctan2(y, x), rule


@op(broadcasts=True)
def lerp(start, end, weight, /):
    """start + weight * (end - start), elementwise."""
    between = end - start
    return start + weight * between, lambda g: (g - g * weight, g * weight, g * between)


@op(broadcasts=True)
def where(condition, input, other, /):
    """`input` where the condition holds, else `other`.

    >>> import lucid
    >>> x = lucid.tensor([-1.0, 2.0])
    >>> lucid.where(x > 0, x, 0.0)
    Tensor([0., 2.], grad=None)
    """

    def rule(g):
        zero = mx.zeros_like(g)
        return None, mx.where(condition, g, zero), mx.where(condition, zero, g)

    return mx.where(condition, input, other), rule


@op(linear=True)
def neg(x, /):
    """-x."""
    return -x, lambda g: -g


@op
def abs(x, /):
    """|x|; the gradient at 0 is 0."""
    y = mx.abs(x)
    if x.dtype != mx.complex64:
        return y, lambda g: g * mx.sign(x)
    return y, lambda g: g * mx.where(y == 0, mx.zeros_like(x), x / mx.where(y == 0, 1.0, y))


@op
def clamp(x, /, min=None, max=None):
    """x limited to [min, max]; no gradient flows where it was cut."""
    if min is None and max is None:
        raise ValueError("clamp needs min, max or both")
    y = mx.clip(x, min, max)

    def rule(g):
        inside = mx.array(True)
        if min is not None:
            inside = inside & (x >= min)
        if max is not None:
            inside = inside & (x <= max)
        return mx.where(inside, g, mx.zeros_like(g))

    return y, rule
