"""Reductions over one, several or all dimensions.

MLX's reductions of an empty array can hang, so an empty input never reaches them.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import mlx.core as mx

from lucid._sums import sum_over
from lucid.ops import precise
from lucid.ops.cast import dtype_of
from lucid.ops.op import op
from lucid.ops.rules import conjugate, holomorphic, rounded_once
from lucid.ops.samplewise import within
from lucid.ops.spelling import numpy_names


def axes_of(ndim: int, dim: Any) -> tuple[int, ...]:
    """The dimensions that `dim` names (None: all), checked and counted from the front."""
    if dim is None:
        return tuple(range(ndim))
    given = dim if isinstance(dim, tuple | list) else (dim,)
    axes = []
    for d in given:
        if type(d) is not int:
            d = _as_int(d, dim)
        low, high = -max(ndim, 1), max(ndim, 1) - 1
        if not low <= d <= high:
            raise IndexError(
                f"dim {d} is out of range: a tensor of {ndim} dimensions takes {low} to {high}"
            )
        axes.append(d % max(ndim, 1))
    if len(set(axes)) != len(axes):
        raise ValueError(f"dim {dim!r} names a dimension twice")
    return tuple(axes) if ndim else ()


def _as_int(d: Any, dim: Any) -> int:
    if isinstance(d, bool) or not hasattr(d, "__index__"):
        raise TypeError(f"dim must be an int or a tuple of ints, got {dim!r}")
    return operator.index(d)


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape after reducing `axes`."""
    if keepdim:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def total(x: mx.array, axes: tuple[int, ...], keepdim: bool = False) -> mx.array:
    """mx.sum that never sees an empty array; integers and bools add up in int64."""
    if not mx.issubdtype(x.dtype, mx.inexact):
        x = x.astype(mx.int64)
    if x.size == 0:
        return mx.zeros(reduced_shape(x.shape, axes, keepdim), x.dtype)
    return sum_over(x, axes, keepdims=keepdim) if axes else x


def floating(x: mx.array) -> mx.array:
    """x itself, or in float32 where it holds integers."""
    return x if mx.issubdtype(x.dtype, mx.inexact) else x.astype(mx.float32)


def spread(g: mx.array, shape: tuple[int, ...], axes: tuple[int, ...]) -> mx.array:
    """A gradient of the reduced shape, repeated along the reduced axes."""
    return mx.broadcast_to(g.reshape(reduced_shape(shape, axes, True)), shape)


def all_axes(ndim: int, dim: Any) -> tuple[int, ...]:
    """`axes_of`, where an empty tuple too means all dimensions, as in torch's reductions."""
    return axes_of(ndim, None if isinstance(dim, tuple | list) and not dim else dim)


def in_dtype(x: mx.array, dtype: Any) -> mx.array:
    """x in the dtype that was asked for; None leaves it."""
    return x if dtype is None else x.astype(dtype_of(dtype))


@op(linear=True, samples=within)
def sum(x, /, dim=None, keepdim=False, *, dtype=None):
    """The sum over `dim` (an int, a tuple, or None for all). Integers add up in int64.

    >>> import lucid
    >>> lucid.ones(2, 3).sum(dim=1)
    Tensor([3., 3.], grad=None)
    """
    axes, shape = all_axes(x.ndim, dim), x.shape
    return total(in_dtype(x, dtype), axes, keepdim), lambda g: spread(g, shape, axes)


@op(linear=True, samples=within)
def mean(x, /, dim=None, keepdim=False, *, dtype=None):
    """The mean over `dim`. The mean of nothing is NaN, as in torch.

    Raises:
        TypeError: integers or bools, with no floating point `dtype` asked for.

    >>> lucid.tensor([[1.0, 2.0], [3.0, 8.0]]).mean(dim=1)
    Tensor([1.5, 5.5], grad=None)
    """
    x = in_dtype(x, dtype)
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"mean expects a floating point tensor, got {x.dtype}; use x.float()")
    axes, shape = all_axes(x.ndim, dim), x.shape
    count = math.prod(shape[a] for a in axes)
    if count == 0:
        return mx.full(reduced_shape(shape, axes, keepdim), float("nan"), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )
    # a sum in float16 could overflow where the mean does not
    wide = x.astype(mx.float32) if x.dtype in (mx.float16, mx.bfloat16) else x
    y = (total(wide, axes, keepdim) * (1 / count)).astype(x.dtype)
    return y, lambda g: spread(g * (1 / count), shape, axes)


@op(samples=within)
def count_nonzero(x, /, dim=None):
    """How many elements along `dim` are not 0, in int64.

    >>> lucid.count_nonzero(lucid.tensor([0.0, 1.0, 0.0, 2.0])).item()
    2
    """
    return total(x != 0, all_axes(x.ndim, dim)), None


@op(samples=within)
def amax(x, /, dim=None, keepdim=False):
    """The largest value over `dim`; ties share the gradient.

    Raises:
        ValueError: no elements to reduce.

    >>> lucid.amax(lucid.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=0)
    Tensor([3., 5.], grad=None)
    """
    return extreme(mx.max, x, dim, keepdim)


@op(samples=within)
def amin(x, /, dim=None, keepdim=False):
    """The smallest value over `dim`; ties share the gradient.

    Raises:
        ValueError: no elements to reduce.

    >>> lucid.amin(lucid.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=0)
    Tensor([1., 2.], grad=None)
    """
    return extreme(mx.min, x, dim, keepdim)


def extreme(reduce: Any, x: mx.array, dim: Any, keepdim: bool) -> Any:
    axes, shape = all_axes(x.ndim, dim), x.shape
    refuse_empty(shape, axes)
    if x.size == 0:
        return mx.zeros(reduced_shape(shape, axes, keepdim), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )
    y = reduce(x, axis=axes, keepdims=keepdim) if axes else x

    def rule(g):
        hit = (x == y.reshape(reduced_shape(shape, axes, True))).astype(g.dtype)
        return hit / total(hit, axes, True) * spread(g, shape, axes)

    return y, rule


class Extremes(NamedTuple):
    """The smallest and the largest values."""

    min: Any
    max: Any


@numpy_names
def aminmax(input, *, dim=None, keepdim=False):
    """(min, max) along `dim`, or of all.

    >>> import lucid
    >>> low, high = lucid.aminmax(lucid.tensor([3.0, 1.0, 2.0]))
    >>> low.item(), high.item()
    (1.0, 3.0)
    """
    return Extremes(amin(input, dim, keepdim), amax(input, dim, keepdim))


def refuse_empty(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Raise where nothing would be reduced to something."""
    if 0 in (shape[a] for a in axes):  # `any` is an op here
        raise ValueError(
            f"expected something to reduce: the input of shape {shape} has no elements along "
            f"the reduced dimensions {axes}"
        )


@op(samples=within)
def all(x, /, dim=None, keepdim=False):
    """True where every element along `dim` is nonzero (1 for uint8, as in torch).

    >>> lucid.all(lucid.tensor([[True, True], [True, False]]), dim=1)
    Tensor([ True, False], grad=None)
    """
    misses = total(mx.logical_not(x.astype(mx.bool_)), axes_of(x.ndim, dim), keepdim)
    return _truth(misses == 0, x), None


@op(samples=within)
def any(x, /, dim=None, keepdim=False):
    """True where some element along `dim` is nonzero (1 for uint8, as in torch).

    >>> lucid.any(lucid.tensor([[False, False], [True, False]]), dim=1)
    Tensor([False,  True], grad=None)
    """
    return _truth(total(x.astype(mx.bool_), axes_of(x.ndim, dim), keepdim) != 0, x), None


def _truth(y: mx.array, x: mx.array) -> mx.array:
    return y.astype(mx.uint8) if x.dtype == mx.uint8 else y


@op(samples=within)
@rounded_once(integers=True)
def prod(x, /, dim=None, keepdim=False, *, dtype=None):
    """The product over `dim`; the product of nothing is 1. Integers multiply in int64.

    >>> import lucid
    >>> lucid.tensor([2.0, 3.0, 0.5]).prod().item()
    3.0
    """
    axes, shape = all_axes(x.ndim, dim), x.shape
    x = in_dtype(x, dtype)
    if not mx.issubdtype(x.dtype, mx.inexact) and dtype is None:
        x = x.astype(mx.int64)
    if x.size == 0:
        return mx.ones(reduced_shape(shape, axes, keepdim), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )

    def rule(g):
        kept = [a for a in range(len(shape)) if a not in axes]
        order = [*kept, *axes]
        back = [order.index(a) for a in range(len(shape))]
        moved = mx.transpose(x, order)
        others = _others(moved.reshape(*(shape[a] for a in kept), -1))
        return spread(g, shape, axes) * conjugate(mx.transpose(others.reshape(moved.shape), back))

    y = mx.prod(x, axis=axes, keepdims=keepdim) if axes else x
    return y.astype(x.dtype), rule


def _others(x: mx.array) -> mx.array:
    """For each element the product of all others along the last axis, without dividing by 0."""
    n = x.shape[-1]
    if n == 1:
        return mx.ones_like(x)
    if n % 2:
        x = mx.concatenate([x, mx.ones((*x.shape[:-1], 1), x.dtype)], axis=-1)
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    elsewhere = _others(pairs[..., 0] * pairs[..., 1])
    return (elsewhere[..., None] * pairs[..., ::-1]).reshape(x.shape)[..., :n]


@op(samples=within)
@rounded_once
@holomorphic
def logsumexp(x, /, dim, keepdim=False):
    """log(sum(exp(x))) over `dim`, without overflow; of nothing it is -inf.

    >>> lucid.logsumexp(lucid.tensor([1000.0, 1000.0]), dim=0)
    Tensor(1000.6932, grad=None)
    """
    axes, shape = all_axes(x.ndim, dim), x.shape
    if x.size == 0:
        nothing = mx.full(reduced_shape(shape, axes, keepdim), -math.inf, x.dtype)
        return nothing, lambda g: mx.zeros(shape, g.dtype)
    y = precise.logsumexp(x, axis=axes, keepdims=keepdim)

    def rule(g):
        top = mx.where(y == -math.inf, mx.zeros_like(y), y)  # else -inf - -inf would be NaN
        return spread(g, shape, axes) * precise.exp(x - spread(top, shape, axes))

    return y, rule
