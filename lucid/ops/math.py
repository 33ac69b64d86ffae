"""Elementwise arithmetic, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.kernels.elementwise import kept
from lucid.ops import precise
from lucid.ops.fused import fused
from lucid.ops.op import op
from lucid.ops.rules import conjugate, rounded_once, scaled
from lucid.ops.samplewise import first


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
    """x - alpha * y, elementwise.

    >>> lucid.sub(lucid.tensor([1.0, 2.0]), 1, alpha=2)
    Tensor([-1.,  0.], grad=None)
    """
    if alpha != 1:
        return x - alpha * y, lambda g: (g, -alpha * g)
    return x - y, lambda g: (g, -g)


@op(broadcasts=True)
def mul(x, y, /):
    """x * y, elementwise.

    >>> lucid.mul(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0]))
    Tensor([3., 8.], grad=None)
    """
    return x * y, lambda g: (g * conjugate(y), g * conjugate(x))


@op(broadcasts=True)
def pow(input, exponent, /):
    """input ** exponent, elementwise.

    Gradients as in torch: that in the base is 0 where the exponent is 0, that in the exponent is
    0 where the base is 0 and the exponent >= 0.

    Raises:
        ValueError: integers to a negative number.

    >>> lucid.pow(lucid.tensor([1.0, 2.0, 3.0]), 2)
    Tensor([1., 4., 9.], grad=None)
    """
    x, y = input, exponent
    if isinstance(y, int) and y < 0 and not mx.issubdtype(x.dtype, mx.inexact):
        raise ValueError(f"integers to the negative power {y} are not integers; use x.float()")
    if isinstance(y, int | float) and y in (2, 3) and mx.issubdtype(x.dtype, mx.inexact):
        return _square_or_cube(x, y)
    z = _integer_power(x, y) if _is_integer(y) and _is_integer(x) else mx.power(x, y)
    base = x if isinstance(x, mx.array) else mx.array(x, z.dtype)
    if isinstance(y, mx.array):
        return z, lambda g: (
            precise.power_in_base(g, base, y),
            precise.power_in_exponent(g, base, y),
        )
    if y in (0, 1):
        return z, lambda g: ((mx.zeros_like(g), g)[int(y)], None)
    return z, lambda g: (precise.power_in_base(g, base, mx.array(y, z.dtype)), None)


def _square_or_cube(x: mx.array, y: float) -> tuple[mx.array, Callable]:
    """As products: on a CPU the C library's power takes fifteen times as long."""
    square = x * x
    if y == 2:
        return square, lambda g: (g * (2 * conjugate(x)), None)
    return square * x, lambda g: (g * (3 * conjugate(square)), None)


def _is_integer(x: Any) -> bool:
    return isinstance(x, mx.array) and mx.issubdtype(x.dtype, mx.signedinteger)


def _integer_power(x: Any, y: mx.array) -> mx.array:
    """Integers to powers that may be negative: 0 but for 1 and -1, as in torch."""
    inverse = mx.where(mx.abs(x) == 1, mx.power(x, y & 1), 0)
    return mx.where(y < 0, inverse, mx.power(x, mx.maximum(y, 0)))


@op(broadcasts=True)
def maximum(x, y, /):
    """The larger of x and y, elementwise; the gradient of a tie is shared, as in torch.

    >>> lucid.maximum(lucid.tensor([1.0, 4.0]), lucid.tensor([3.0, 2.0]))
    Tensor([3., 4.], grad=None)
    """
    return mx.maximum(x, y), _to_the_winner(x, y, mx.greater)


@op(broadcasts=True)
def minimum(x, y, /):
    """The smaller of x and y, elementwise; the gradient of a tie is shared, as in torch.

    >>> lucid.minimum(lucid.tensor([1.0, 4.0]), lucid.tensor([3.0, 2.0]))
    Tensor([1., 2.], grad=None)
    """
    return mx.minimum(x, y), _to_the_winner(x, y, mx.less)


def _to_the_winner(x: mx.array, y: mx.array, beats: Callable) -> Callable:
    """The rule that hands the gradient to the side that was taken, half to each in a tie."""

    def rule(g):
        wins = mx.where(mx.equal(x, y), 0.5, beats(x, y)).astype(g.dtype)
        return g * wins, g * (1 - wins)

    return rule


@op(broadcasts=True)
@rounded_once(integers=True)
def lerp(start, end, weight, /):
    """start + weight * (end - start), elementwise.

    >>> lucid.lerp(lucid.tensor([0.0, 10.0]), lucid.tensor([1.0, 20.0]), 0.25)
    Tensor([ 0.25, 12.5 ], grad=None)
    """
    between = end - start
    return start + weight * between, lambda g: (
        g - g * conjugate(weight),
        g * conjugate(weight),
        g * conjugate(between),
    )


@op(linear=True, samples=first)
def neg(x, /):
    """-x.

    >>> lucid.neg(lucid.tensor([1.0, -2.0]))
    Tensor([-1.,  2.], grad=None)
    """
    return -x, lambda g: -g


@op(samples=first)
def abs(x, /):
    """|x|; the gradient at 0 is 0.

    >>> lucid.abs(lucid.tensor([-1.5, 2.0]))
    Tensor([1.5, 2. ], grad=None)
    """
    y = mx.abs(x)
    if x.dtype != mx.complex64:
        return y, lambda g: g * mx.sign(x)
    return y, lambda g: scaled(scaled(x, _inverse(y)), g)


@fused
def _inverse(size):
    """1 / size, and 0 where float32 has no finite inverse: a complex number of that size is 0."""
    none = (size < 2.0**-126).astype(size.dtype)
    return (1 - none) / (size + none)


@op(broadcasts=True)
def _clamp(x, min, max, /):
    if min is None and max is None:
        raise ValueError("clamp needs min, max or both")
    lifted = x if min is None else mx.maximum(x, min)
    y = lifted if max is None else mx.minimum(lifted, max)

    def rule(g):
        below = mx.array(False) if min is None else x < min
        above = mx.array(False) if max is None else lifted > max
        return (
            kept(~(below | above), g),
            None if min is None else kept(below & ~above, g),
            None if max is None else kept(above, g),
        )

    return y, rule


def clamp(input, min=None, max=None):
    """input limited to [min, max], numbers or tensors; no gradient flows where it was cut.

    >>> import lucid
    >>> lucid.clamp(lucid.tensor([-2.0, 0.5, 2.0]), -1, 1)
    Tensor([-1. ,  0.5,  1. ], grad=None)
    """
    return _clamp(input, min, max)


def clamp_min(input, min):
    """The larger of input and min, a number or a tensor.

    >>> lucid.clamp_min(lucid.tensor([-1.0, 2.0]), 0)
    Tensor([0., 2.], grad=None)
    """
    return _clamp(input, min, None)


def clamp_max(input, max):
    """The smaller of input and max, a number or a tensor.

    >>> lucid.clamp_max(lucid.tensor([-1.0, 2.0]), 0)
    Tensor([-1.,  0.], grad=None)
    """
    return _clamp(input, None, max)


def rsub(input, other, *, alpha=1):
    """other - alpha * input, elementwise.

    >>> lucid.rsub(lucid.tensor([1.0, 2.0]), 10)
    Tensor([9., 8.], grad=None)
    """
    return sub(other, input, alpha=alpha)


@op(broadcasts=True)
@rounded_once(integers=True)
def addcmul(input, tensor1, tensor2, /, *, value=1):
    """input + value * tensor1 * tensor2, elementwise.

    >>> x, y = lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])
    >>> lucid.addcmul(lucid.ones(2), x, y, value=10)
    Tensor([31., 81.], grad=None)
    """
    scaled = value * tensor1

    def rule(g):
        return g, g * conjugate(value * tensor2), g * conjugate(scaled)

    return input + scaled * tensor2, rule


@op(broadcasts=True)
@rounded_once
def addcdiv(input, tensor1, tensor2, /, *, value=1):
    """input + value * tensor1 / tensor2, elementwise.

    >>> x, y = lucid.tensor([1.0, 2.0]), lucid.tensor([2.0, 8.0])
    >>> lucid.addcdiv(lucid.ones(2), x, y)
    Tensor([1.5 , 1.25], grad=None)
    """
    quotient = value * tensor1 / tensor2

    def rule(g):
        slope = value / tensor2
        return g, g * conjugate(slope), -g * conjugate(quotient / tensor2)

    return input + quotient, rule


def positive(input):
    """input itself, as +input.

    Raises:
        TypeError: it is a tensor of bools.

    >>> lucid.positive(lucid.tensor([1.0, -2.0]))
    Tensor([ 1., -2.], grad=None)
    """
    if input.dtype == mx.bool_:
        raise TypeError("positive expects numbers, got bool")
    return input
