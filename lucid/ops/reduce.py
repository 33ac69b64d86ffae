"""Reductions over one, several or all dimensions.

MLX's reductions of an empty array can hang, so an empty input never reaches them.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.op import op


def axes_of(ndim: int, dim: Any) -> tuple[int, ...]:
    """The dimensions that `dim` names (None: all), checked and counted from the front."""
    if dim is None:
        return tuple(range(ndim))
    given = dim if isinstance(dim, tuple | list) else (dim,)
    axes = []
    for d in given:
        if isinstance(d, bool) or not isinstance(d, int):
            raise TypeError(f"dim must be an int or a tuple of ints, got {dim!r}")
        low, high = -max(ndim, 1), max(ndim, 1) - 1
        if not low <= d <= high:
            raise IndexError(
                f"dim {d} is out of range: a tensor of {ndim} dimensions takes {low} to {high}"
            )
        axes.append(d % max(ndim, 1))
    if len(set(axes)) != len(axes):
        raise ValueError(f"dim {dim!r} names a dimension twice")
    return tuple(axes) if ndim else ()


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
    return x.sum(axis=axes, keepdims=keepdim) if axes else x


def floating(x: mx.array) -> mx.array:
    """x itself, or in float32 where it holds integers."""
    return x if mx.issubdtype(x.dtype, mx.inexact) else x.astype(mx.float32)


def _spread(g: mx.array, shape: tuple[int, ...], axes: tuple[int, ...]) -> mx.array:
    """A gradient of the reduced shape, repeated along the reduced axes."""
    return mx.broadcast_to(g.reshape(reduced_shape(shape, axes, True)), shape)


@op(linear=True)
def sum(x, /, dim=None, keepdim=False):
    """The sum over `dim` (an int, a tuple, or None for all). Integers add up in int64.

    >>> import lucid
    >>> lucid.ones(2, 3).sum(dim=1)
    Tensor([3., 3.], grad=None)
    """
    axes, shape = axes_of(x.ndim, dim), x.shape
    return total(x, axes, keepdim), lambda g: _spread(g, shape, axes)


@op(linear=True)
def mean(x, /, dim=None, keepdim=False):
    """The mean over `dim`. The mean of nothing is NaN, as in torch."""
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"mean expects a floating point tensor, got {x.dtype}; use x.float()")
    axes, shape = axes_of(x.ndim, dim), x.shape
    count = math.prod(shape[a] for a in axes)
    if count == 0:
        return mx.full(reduced_shape(shape, axes, keepdim), float("nan"), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )
    return total(x, axes, keepdim) * (1 / count), lambda g: _spread(g * (1 / count), shape, axes)


@op
def amax(x, /, dim=None, keepdim=False):
    """The largest value over `dim`; ties share the gradient."""
    return _extreme(mx.max, x, dim, keepdim)


@op
def amin(x, /, dim=None, keepdim=False):
    """The smallest value over `dim`; ties share the gradient."""
    return _extreme(mx.min, x, dim, keepdim)


def _extreme(reduce: Any, x: mx.array, dim: Any, keepdim: bool) -> Any:
    axes, shape = axes_of(x.ndim, dim), x.shape
    refuse_empty(shape, axes)
    if x.size == 0:
        return mx.zeros(reduced_shape(shape, axes, keepdim), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )
    y = reduce(x, axis=axes, keepdims=keepdim) if axes else x

    def rule(g):
        hit = (x == y.reshape(reduced_shape(shape, axes, True))).astype(g.dtype)
        return hit / total(hit, axes, True) * _spread(g, shape, axes)

    return y, rule


def refuse_empty(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Raise where nothing would be reduced to something."""
    if 0 in (shape[a] for a in axes):  # `any` is an op here
        raise ValueError(
            f"expected something to reduce: the input of shape {shape} has no elements along "
            f"the reduced dimensions {axes}"
        )


@op
def all(x, /, dim=None, keepdim=False):
    """True where every element along `dim` is nonzero."""
    axes = axes_of(x.ndim, dim)
    misses = total(mx.logical_not(x.astype(mx.bool_)), axes, keepdim)
    return misses == 0, None


@op
def any(x, /, dim=None, keepdim=False):
    """True where some element along `dim` is nonzero."""
    axes = axes_of(x.ndim, dim)
    return total(x.astype(mx.bool_), axes, keepdim) != 0, None


@op
def var(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The variance over `dim`, divided by n - correction (1, or 0 with `unbiased=False`)."""
    return _moments(x, dim, unbiased, keepdim, correction)


@op
def std(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The standard deviation over `dim`: the square root of `var`."""
    variance, spread = _moments(x, dim, unbiased, keepdim, correction)
    y = mx.sqrt(variance)

    def rule(g):  # 0 where all values are equal, as in torch
        flat = y == 0
        return spread(mx.where(flat, mx.zeros_like(g), 0.5 * g / mx.where(flat, 1.0, y)))

    return y, rule


def _moments(x: mx.array, dim: Any, unbiased: bool, keepdim: bool, correction: Any) -> Any:
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"expected a floating point tensor, got {x.dtype}; use x.float()")
    axes, shape = axes_of(x.ndim, dim), x.shape
    correction = (1 if unbiased else 0) if correction is None else correction
    count = math.prod(shape[a] for a in axes)
    if count - correction <= 0:
        nan = mx.full(reduced_shape(shape, axes, keepdim), float("nan"), x.dtype)
        return nan, lambda g: mx.full(shape, float("nan"), g.dtype)
    centred = x - total(x, axes, True) * (1 / count)
    y = total(centred * centred, axes, keepdim) * (1 / (count - correction))
    return y, lambda g: _spread(g, shape, axes) * centred * (2 / (count - correction))


@op
def norm(x, /, p=2, dim=None, keepdim=False):
    """The vector norm (sum |x|**p)**(1/p) over `dim`; p may be inf or -inf.

    The gradient at 0 is 0, as in torch.

    >>> import lucid
    >>> lucid.norm(lucid.tensor([3.0, 4.0])).item()
    5.0
    """
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"norm expects a floating point tensor, got {x.dtype}; use x.float()")
    p = 2.0 if p == "fro" else float(p)
    axes, shape = axes_of(x.ndim, dim), x.shape
    size = mx.abs(x)
    if math.isinf(p):
        y, pull = _extreme(mx.max if p > 0 else mx.min, size, dim, keepdim)
        return y, lambda g: pull(g) * mx.sign(x)
    if p == 0:
        return total((x != 0).astype(size.dtype), axes, keepdim), lambda g: mx.zeros_like(x)
    if p == 1:
        return total(size, axes, keepdim), lambda g: _spread(g, shape, axes) * mx.sign(x)
    # zeros are taken out before the powers, whose derivatives there would be infinite
    none = size == 0
    powers = mx.where(none, mx.zeros_like(size), mx.power(mx.where(none, 1.0, size), p))
    sums = total(powers, axes, keepdim)
    empty = sums == 0
    y = mx.where(empty, mx.zeros_like(sums), mx.power(mx.where(empty, 1.0, sums), 1 / p))

    def rule(g):
        ratio = mx.where(none, 1.0, size) / _spread(mx.where(empty, 1.0, y), shape, axes)
        slope = mx.where(none, mx.zeros_like(size), mx.power(ratio, p - 1)) * mx.sign(x)
        return _spread(g, shape, axes) * slope

    return y, rule


@op
def prod(x, /, dim=None, keepdim=False):
    """The product over `dim`; the product of nothing is 1. Integers multiply in int64.

    >>> import lucid
    >>> lucid.tensor([2.0, 3.0, 0.5]).prod().item()
    3.0
    """
    axes, shape = axes_of(x.ndim, dim), x.shape
    if not mx.issubdtype(x.dtype, mx.inexact):
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
        return _spread(g, shape, axes) * mx.transpose(others.reshape(moved.shape), back)

    return (mx.prod(x, axis=axes, keepdims=keepdim) if axes else x), rule


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


@op
def logsumexp(x, /, dim, keepdim=False):
    """log(sum(exp(x))) over `dim`, without overflow; of nothing it is -inf."""
    x, axes, shape = floating(x), axes_of(x.ndim, dim), x.shape
    if x.size == 0:
        nothing = mx.full(reduced_shape(shape, axes, keepdim), -math.inf, x.dtype)
        return nothing, lambda g: mx.zeros(shape, g.dtype)
    y = precise.logsumexp(x, axis=axes, keepdims=keepdim)

    def rule(g):
        top = mx.where(y == -math.inf, mx.zeros_like(y), y)  # else -inf - -inf would be NaN
        return _spread(g, shape, axes) * precise.exp(x - _spread(top, shape, axes))

    return y, rule


@op
def cumsum(x, /, dim):
    """The running sum along `dim`. Integers add up in int64."""
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if not mx.issubdtype(x.dtype, mx.inexact):
        x = x.astype(mx.int64)
    if x.size == 0 or x.ndim == 0:
        return x, lambda g: g
    return mx.cumsum(x, axis=axis), lambda g: mx.cumsum(g, axis=axis, reverse=True)
