"""Reductions over one, several or all dimensions.

MLX's reductions of an empty array can hang, so an empty input never reaches them.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

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
    count = 1
    for a in axes:
        count *= shape[a]
    if count == 0:
        return mx.full(reduced_shape(shape, axes, keepdim), float("nan"), x.dtype), (
            lambda g: mx.zeros(shape, g.dtype)
        )
    return total(x, axes, keepdim) * (1 / count), lambda g: _spread(g * (1 / count), shape, axes)


@op
def amax(x, /, dim=None, keepdim=False):
    """The largest value over `dim`; ties share the gradient."""
    return _extreme("amax", mx.max, x, dim, keepdim)


@op
def amin(x, /, dim=None, keepdim=False):
    """The smallest value over `dim`; ties share the gradient."""
    return _extreme("amin", mx.min, x, dim, keepdim)


def _extreme(name: str, reduce: Any, x: mx.array, dim: Any, keepdim: bool) -> Any:
    axes, shape = axes_of(x.ndim, dim), x.shape
    _refuse_empty(name, shape, axes)
    y = reduce(x, axis=axes, keepdims=keepdim) if axes else x

    def rule(g):
        hit = (x == y.reshape(reduced_shape(shape, axes, True))).astype(g.dtype)
        return hit / total(hit, axes, True) * _spread(g, shape, axes)

    return y, rule


def _refuse_empty(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    if 0 in (shape[a] for a in axes):  # `any` is an op here
        raise ValueError(
            f"{name} of nothing: the input of shape {shape} has no elements along "
            f"the reduced dimensions {axes}"
        )


@op
def argmax(x, /, dim=None, keepdim=False):
    """The index of the largest value along `dim` (None: of the flattened tensor), int64."""
    return _arg_extreme("argmax", mx.argmax, x, dim, keepdim)


@op
def argmin(x, /, dim=None, keepdim=False):
    """The index of the smallest value along `dim` (None: of the flattened tensor), int64."""
    return _arg_extreme("argmin", mx.argmin, x, dim, keepdim)


def _arg_extreme(name: str, reduce: Any, x: mx.array, dim: Any, keepdim: bool) -> Any:
    _refuse_empty(name, x.shape, axes_of(x.ndim, dim))
    y = reduce(x, axis=None if x.ndim == 0 else dim, keepdims=keepdim)
    return y.astype(mx.int64), None


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
def logsumexp(x, /, dim, keepdim=False):
    """log(sum(exp(x))) over `dim`, without overflow."""
    axes, shape = axes_of(x.ndim, dim), x.shape
    _refuse_empty("logsumexp", shape, axes)
    y = mx.logsumexp(x, axis=axes, keepdims=keepdim)
    return (
        y,
        lambda g: _spread(g, shape, axes) * mx.exp(x - y.reshape(reduced_shape(shape, axes, True))),
    )


def _moments(x: mx.array, dim: Any, unbiased: bool, keepdim: bool, correction: Any) -> Any:
    axes, shape = axes_of(x.ndim, dim), x.shape
    correction = (1 if unbiased else 0) if correction is None else correction
    count = 1
    for a in axes:
        count *= shape[a]
    if count - correction <= 0:
        nan = mx.full(reduced_shape(shape, axes, keepdim), float("nan"), x.dtype)
        return nan, lambda g: mx.full(shape, float("nan"), g.dtype)
    centred = x - total(x, axes, True) * (1 / count)
    y = total(centred * centred, axes, keepdim) * (1 / (count - correction))
    return y, lambda g: _spread(g, shape, axes) * centred * (2 / (count - correction))


@op
def cumsum(x, /, dim):
    """The running sum along `dim`."""
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.size == 0:
        return x, lambda g: g
    return mx.cumsum(x, axis=axis), lambda g: mx.cumsum(g, axis=axis, reverse=True)
