"""Division: quotients, remainders and common divisors."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.ops.op import op
from lucid.ops.promotion import result_type
from lucid.ops.rules import conjugate


@op(broadcasts=True)
def div(x, y, /, *, rounding_mode=None):
    """x / y, elementwise; integers give floats.

    Args:
        rounding_mode: None, "trunc" (towards 0) or "floor". Rounded quotients of integers are
            integers, and have gradient 0.

    Raises:
        ValueError: another `rounding_mode`.

    >>> import lucid
    >>> lucid.div(lucid.tensor([7, -7]), 2, rounding_mode="trunc").tolist()
    [3, -3]
    """
    if rounding_mode is None:
        # as floats: 32768 is no int16, by which recordings are divided all the same
        x, y = (float(v) if type(v) is int else v for v in (x, y))
        z = mx.divide(x, y)
        return z, lambda g: (g / conjugate(y), -g * conjugate(z / y))
    if rounding_mode not in _QUOTIENTS:
        raise ValueError(f'rounding_mode must be None, "trunc" or "floor", got {rounding_mode!r}')
    return _QUOTIENTS[rounding_mode](x, y), lambda g: (mx.zeros_like(g), mx.zeros_like(g))


@op(broadcasts=True)
def floor_divide(x, y, /):
    """The largest integer not above x / y, elementwise.

    Raises:
        ZeroDivisionError: integers divided by 0.

    >>> lucid.floor_divide(lucid.tensor([7.0, -7.0]), 2)
    Tensor([ 3., -4.], grad=None)
    """
    return _floored(x, y), None


@op(broadcasts=True)
def remainder(x, y, /):
    """x - y * floor(x / y), elementwise: it has the sign of y, as Python's %.

    Raises:
        ZeroDivisionError: integers divided by 0.

    >>> lucid.remainder(lucid.tensor([7.0, -7.0]), 3)
    Tensor([1., 2.], grad=None)
    """
    if not _floating(x, y):
        return _integer_remainder(x, y), None
    return mx.remainder(x, y), lambda g: (g, -g * _floored(x, y))


@op(broadcasts=True)
def fmod(x, y, /):
    """x - y * trunc(x / y), elementwise: it has the sign of x, as C's fmod.

    Raises:
        ZeroDivisionError: integers divided by 0.

    >>> lucid.fmod(lucid.tensor([7.0, -7.0]), 3)
    Tensor([ 1., -1.], grad=None)
    """
    x, y = _arrays(x, y)
    return _remainder_of_x(x, y), lambda g: (g, -g * _truncated(x, y))


def _floored(x: Any, y: Any) -> mx.array:
    if not _floating(x, y):
        return _divided(x, y)[0]
    x, y = _arrays(x, y)
    # x less its remainder divides exactly, up to one rounding: floor(x / y) may be off by one
    rest = _remainder_of_x(x, y)
    quotient = mx.round((x - rest) / y) - ((rest != 0) & ((rest < 0) != (y < 0)))
    return mx.where(y == 0, x / y, quotient)


def _remainder_of_x(x: mx.array, y: mx.array) -> mx.array:
    """C's fmod."""
    size = (mx.remainder if _floating(x) else _integer_remainder)(mx.abs(x), mx.abs(y))
    return mx.where(x < 0, -size, size)


def _integer_remainder(x: mx.array, y: mx.array) -> mx.array:
    return _divided(x, y)[1]


def _truncated(x: Any, y: Any) -> mx.array:
    if _floating(x, y):
        quotient = mx.divide(x, y)
        return mx.where(quotient < 0, mx.ceil(quotient), mx.floor(quotient))
    quotient, rest = _divided(x, y)
    return quotient + ((quotient < 0) & (rest != 0)).astype(quotient.dtype)


_QUOTIENTS = {"floor": _floored, "trunc": _truncated}


def _arrays(*values: Any) -> list[mx.array]:
    """The values as arrays of one dtype."""
    dtype = result_type(values)
    return [v if isinstance(v, mx.array) else mx.array(v, dtype) for v in values]


def _floating(*values: Any) -> bool:
    return any(
        mx.issubdtype(v.dtype, mx.inexact) if isinstance(v, mx.array) else isinstance(v, float)
        for v in values
    )


def _divided(x: Any, y: Any) -> tuple[mx.array, mx.array]:
    """Integer quotient and remainder. MLX gives 0 for x // 0, and dies of the lowest int // -1."""
    x, y = mx.broadcast_arrays(*_arrays(x, y))
    dtype = x.dtype
    if dtype == mx.bool_:
        raise TypeError("integer division expects integers, got bool")
    if y.size and not laziness.is_tracing() and (y == 0).any().item():
        raise ZeroDivisionError("integers cannot be divided by 0; use x.float() to get inf")
    if mx.issubdtype(dtype, mx.unsignedinteger):
        return mx.floor_divide(x, y), mx.remainder(x, y)
    minus = y == -1
    safe = mx.where(minus, mx.array(1, dtype), y)
    quotient = mx.where(minus, -x, mx.floor_divide(x, safe))
    return quotient, mx.where(minus, mx.array(0, dtype), mx.remainder(x, safe))


@op(broadcasts=True)
def gcd(x, y, /):
    """The greatest common divisor of integers, elementwise; gcd(0, 0) is 0.

    Raises:
        TypeError: floating point numbers or bools.

    >>> lucid.gcd(lucid.tensor([12, 7]), lucid.tensor([18, 3]))
    Tensor([6, 1], grad=None)
    """
    return _common_divisor("gcd", x, y), None


@op(broadcasts=True)
def lcm(x, y, /):
    """The least common multiple of integers, elementwise; 0 where either is 0.

    Raises:
        TypeError: floating point numbers or bools.

    >>> lucid.lcm(lucid.tensor([4, 7]), lucid.tensor([6, 3]))
    Tensor([12, 21], grad=None)
    """
    divisor = _common_divisor("lcm", x, y)
    quotient = _divided(mx.abs(x), mx.maximum(divisor, 1))[0]
    return quotient * mx.abs(y), None


def _common_divisor(name: str, x: Any, y: Any) -> mx.array:
    """Euclid's algorithm on all pairs at once: at most 92 steps for 64 bits (Fibonacci numbers)."""
    x, y = mx.broadcast_arrays(*_arrays(x, y))
    if x.dtype == mx.bool_ or _floating(x):
        raise TypeError(f"{name} expects integers, got {x.dtype}")
    x, y = mx.abs(x), mx.abs(y)
    for _ in range({1: 13, 2: 24, 4: 46, 8: 92}[x.dtype.size]):
        x, y = mx.where(y == 0, x, y), mx.where(y == 0, y, mx.remainder(x, mx.maximum(y, 1)))
    return x
