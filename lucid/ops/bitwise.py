"""Operations on the bits of integers; on bools they are logic."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.samplewise import first


@op(broadcasts=True)
def bitwise_and(x, y, /):
    """x & y of integers, or "and" of bools.

    >>> lucid.bitwise_and(lucid.tensor([0b1100]), 0b1010)
    Tensor([8], grad=None)
    """
    return mx.bitwise_and(x, y), None


@op(broadcasts=True)
def bitwise_or(x, y, /):
    """x | y of integers, or "or" of bools.

    >>> lucid.bitwise_or(lucid.tensor([0b1100]), 0b1010)
    Tensor([14], grad=None)
    """
    return mx.bitwise_or(x, y), None


@op(broadcasts=True)
def bitwise_xor(x, y, /):
    """x ^ y of integers, or "exactly one" of bools.

    >>> lucid.bitwise_xor(lucid.tensor([0b1100]), 0b1010)
    Tensor([6], grad=None)
    """
    return mx.bitwise_xor(x, y), None


@op(samples=first)
def bitwise_not(x, /):
    """~x of integers, or "not" of bools.

    >>> lucid.bitwise_not(lucid.tensor([0, 5]))
    Tensor([-1, -6], grad=None)
    """
    return mx.bitwise_invert(x), None


@op(broadcasts=True)
def bitwise_left_shift(x, y, /):
    """x << y: the bits moved y places up; 0 where y is negative or not below the number of bits.

    >>> lucid.bitwise_left_shift(lucid.tensor([1, 3]), 2)
    Tensor([ 4, 12], grad=None)
    """
    return _shifted(mx.left_shift, x, y, 0), None


@op(broadcasts=True)
def bitwise_right_shift(x, y, /):
    """x >> y: the bits moved y places down, the sign kept; by too many places, 0 or -1.

    >>> lucid.bitwise_right_shift(lucid.tensor([8, -8]), 2)
    Tensor([ 2, -2], grad=None)
    """
    x, y = _integers(x, y)
    return _shifted(mx.right_shift, x, y, -(x < 0).astype(x.dtype)), None


def _integers(x, y):
    x = x if isinstance(x, mx.array) else mx.array(x, y.dtype)
    y = y if isinstance(y, mx.array) else mx.array(y, x.dtype)
    if not mx.issubdtype(x.dtype, mx.integer):
        raise TypeError(f"shifts expect integers, got {x.dtype}")
    return x, y


def _shifted(shift, x, y, beyond):
    """The shift where C defines it, and `beyond` elsewhere."""
    x, y = _integers(x, y)
    possible = (y >= 0) & (y < 8 * x.dtype.size)
    return mx.where(possible, shift(x, mx.where(possible, y, 0)), mx.array(beyond, x.dtype))
