"""One of two values, by a condition."""

from __future__ import annotations

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.kernels import elementwise
from lucid.ops.cast import constant
from lucid.ops.nonzero import nonzero
from lucid.ops.op import op


def where(condition, input=None, other=None):
    """`input` where the condition holds, else `other`; all three broadcast.

    Of a condition alone, where it holds: one tensor of indices for each dimension.

    Raises:
        TypeError: a condition that is not of bools.

    >>> import lucid
    >>> x = lucid.tensor([-1.0, 2.0])
    >>> lucid.where(x > 0, x, 0.0)
    Tensor([0., 2.], grad=None)
    """
    dtype = getattr(condition, "dtype", type(condition).__name__)
    if not isinstance(condition, Traced) or dtype not in (mx.bool_, mx.uint8):
        raise TypeError(f"where expects a Tensor of bools as its condition, got {dtype}")
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if not isinstance(input, Traced) and not isinstance(other, Traced):
        input = constant(input, condition)
    return _where(input, other, condition=condition.array)


@op(broadcasts=True)
def _where(input, other, /, *, condition):
    def rule(g):
        otherwise = mx.logical_not(condition)
        return elementwise.kept(condition, g), elementwise.kept(otherwise, g)

    return elementwise.where(condition, input, other), rule
