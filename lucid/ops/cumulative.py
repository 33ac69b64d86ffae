"""Running sums, products and extremes; differences; integrals of samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._sums import running_sum
from lucid.autograd.tape import Traced
from lucid.ops import precise
from lucid.ops.bitwise import bitwise_xor
from lucid.ops.cast import astype, clone
from lucid.ops.gather import pick_along
from lucid.ops.index import take_slice
from lucid.ops.join import cat
from lucid.ops.math import add, mul, sub
from lucid.ops.op import op
from lucid.ops.order import Ranked
from lucid.ops.reduce import axes_of, in_dtype, sum
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import within
from lucid.ops.spelling import numpy_names


@op(linear=True, samples=within)
def cumsum(x, /, dim, *, dtype=None):
    """The running sum along `dim`. Integers add up in int64.

    >>> lucid.cumsum(lucid.tensor([1, 2, 3, 4]), dim=0)
    Tensor([ 1,  3,  6, 10], grad=None)
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    x = _summable(in_dtype(x, dtype), dtype)
    if x.size == 0 or x.ndim == 0:
        return x, lambda g: g
    return _accurate(running_sum, x, axis=axis), (
        lambda g: _accurate(running_sum, g, axis=axis, reverse=True)
    )


def _summable(x: mx.array, dtype: Any) -> mx.array:
    """Integers in int64, unless a dtype was asked for."""
    exact = dtype is None and not mx.issubdtype(x.dtype, mx.inexact)
    return x.astype(mx.int64) if exact else x


def _accurate(function: Callable, x: mx.array, **settings: Any) -> mx.array:
    """The function of x, half precision in float32 and rounded at the end."""
    wide = x.astype(mx.float32) if x.dtype in (mx.float16, mx.bfloat16) else x
    return function(wide, **settings).astype(x.dtype)


@op(samples=within)
@rounded_once(integers=True)
def cumprod(x, /, dim, *, dtype=None):
    """The running product along `dim`. Integers multiply in int64.

    >>> lucid.cumprod(lucid.tensor([1, 2, 3, 4]), dim=0)
    Tensor([ 1,  2,  6, 24], grad=None)
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    x = _summable(in_dtype(x, dtype), dtype)
    if x.size == 0 or x.ndim == 0:
        return x, lambda g: g
    return mx.cumprod(x, axis=axis), _through_scan(mx.multiply, x, axis)


@op(samples=within)
@rounded_once
def logcumsumexp(x, /, dim):
    """log(cumsum(exp(x))) along `dim`, without overflow.

    >>> lucid.logcumsumexp(lucid.tensor([0.0, 0.0, 1000.0]), dim=0)
    Tensor([   0.    ,    0.6931, 1000.    ], grad=None)
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.size == 0 or x.ndim == 0:
        return x, lambda g: g
    return _scan(precise.logaddexp, x, axis), _through_scan(precise.logaddexp, x, axis)


def _scan(combine: Callable, x: mx.array, axis: int) -> mx.array:
    """The running combination along an axis in log2(n) steps (Hillis and Steele, 1986).

    Where `combine` has a derivative everywhere, so has this, of any order: also the product
    between zeros.
    """
    step, n = 1, x.shape[axis]
    while step < n:
        first, rest = mx.split(x, [step], axis)
        earlier = mx.split(x, [n - step], axis)[0]
        x = mx.concatenate([first, combine(rest, earlier)], axis)
        step *= 2
    return x


def _through_scan(combine: Callable, x: mx.array, axis: int) -> Callable:
    return lambda g: mx.vjp(lambda a: _scan(combine, a, axis), [x], [g])[1][0]


@numpy_names
def cummax(input, dim):
    """(values, indices) of the largest so far along `dim`; of equals, the last.

    >>> import lucid
    >>> lucid.cummax(lucid.tensor([1.0, 3.0, 2.0]), 0).values
    Tensor([1., 3., 3.], grad=None)
    """
    return _running_extreme(mx.cummax, input, dim)


@numpy_names
def cummin(input, dim):
    """(values, indices) of the smallest so far along `dim`; of equals, the last.

    >>> lucid.cummin(lucid.tensor([3.0, 1.0, 2.0]), dim=0).values
    Tensor([3., 1., 1.], grad=None)
    """
    return _running_extreme(mx.cummin, input, dim)


def _running_extreme(running: Callable, x: Any, dim: int) -> Ranked:
    (axis,) = axes_of(x.ndim, dim) or (0,)
    places = _places_so_far(x, running=running, axis=axis)
    return Ranked(clone(x) if x.ndim == 0 else pick_along(x, places, axis), places)


@op
def _places_so_far(x, /, *, running, axis):
    if x.ndim == 0 or x.size == 0:
        return mx.zeros(x.shape, mx.int64), None
    values = x.astype(mx.int32) if x.dtype == mx.bool_ else x
    hit = (values == running(values, axis=axis)) | mx.isnan(values)
    place = mx.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    return mx.cummax(mx.where(hit, place, 0), axis=axis).astype(mx.int64), None


@numpy_names
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """The nth differences of neighbours along `dim`, after joining `prepend` and `append`.

    Raises:
        ValueError: a 0-dimensional tensor, or n below 0.

    >>> import lucid
    >>> lucid.diff(lucid.tensor([1.0, 4.0, 9.0]))
    Tensor([3., 5.], grad=None)
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    if input.ndim == 0:
        raise ValueError("diff expects at least one dimension, got a number")
    if n < 0:
        raise ValueError(f"diff expects n >= 0, got {n}")
    if n == 0:
        return clone(input)
    parts = [part for part in (prepend, input, append) if part is not None]
    x = cat(parts, axis) if len(parts) > 1 else input
    less = bitwise_xor if x.dtype == mx.bool_ else sub
    for _ in range(min(n, x.shape[axis])):
        x = less(_part(x, axis, 1, None), _part(x, axis, 0, max(x.shape[axis] - 1, 0)))
    return x


def _part(x: Any, axis: int, start: int, stop: int | None) -> Any:
    """x[start:stop] along an axis."""
    return take_slice(x, key=(slice(None),) * axis + (slice(start, stop),))


@numpy_names
def trapezoid(y, x=None, *, dx=1.0, dim=-1):
    """The integral of samples y at places x (or `dx` apart) along `dim`, by trapezoids.

    >>> import lucid
    >>> lucid.trapezoid(lucid.tensor([1.0, 2.0, 3.0])).item()
    4.0
    """
    (axis,) = axes_of(y.ndim, dim)
    return sum(_areas(y, x, dx, axis), axis)


@numpy_names
def cumulative_trapezoid(y, x=None, *, dx=1.0, dim=-1):
    """The running integral of samples y along `dim`, by trapezoids; one shorter than y.

    Sample by sample (y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]) is added, or times `dx` without x.

    >>> lucid.cumulative_trapezoid(lucid.tensor([0.0, 2.0, 4.0]), dx=0.5)
    Tensor([0.5, 2. ], grad=None)
    """
    (axis,) = axes_of(y.ndim, dim)
    return cumsum(_areas(y, x, dx, axis), axis)


def _areas(y: Any, x: Any, dx: Any, axis: int) -> Any:
    """The areas under the lines between samples."""
    if y.dtype == mx.bool_:
        raise TypeError("the samples must be numbers, got bool")
    n = y.shape[axis]
    heights = add(_part(y, axis, 1, None), _part(y, axis, 0, max(n - 1, 0)))
    if x is None:
        return mul(heights, dx * 0.5)
    if x.ndim == 1:
        x = x.reshape(-1, *[1] * (y.ndim - 1 - axis))
        widths = diff(x, dim=0)
    else:
        widths = diff(x, dim=axis - y.ndim)
    return mul(mul(heights, widths), 0.5)


def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """Estimates of the derivative along each of `dim`, by central differences, as a tuple.

    Args:
        spacing: the distance of samples, a number for all dimensions or one for each; or the
            places of the samples, a 1-D tensor for each dimension. None: 1.
        dim: an int, a tuple, or None for all dimensions.
        edge_order: 1 or 2, the order of the differences at both ends.

    Raises:
        ValueError: too few samples, or not one spacing for each of `dim`.

    >>> import lucid
    >>> lucid.gradient(lucid.tensor([1.0, 4.0, 9.0, 16.0]))[0]
    Tensor([3., 4., 6., 7.], grad=None)
    """
    axes = axes_of(input.ndim, dim)
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order must be 1 or 2, got {edge_order}")
    several = isinstance(spacing, tuple | list)
    spacings = list(spacing) if several else [1 if spacing is None else spacing] * len(axes)
    if len(spacings) != len(axes):
        raise ValueError(f"gradient expects {len(axes)} spacings, one per dim, got {len(spacings)}")
    for axis in axes:
        if input.shape[axis] <= edge_order:
            raise ValueError(
                f"gradient expects more than {edge_order} samples along dim {axis}, "
                f"got shape {input.shape}"
            )
    exact = not mx.issubdtype(input.dtype, mx.inexact)
    wide = astype(input, mx.float32) if exact or input.dtype.size == 2 else input
    dtype = mx.float32 if exact else input.dtype
    return tuple(
        astype(_slopes(wide, axis, step, edge_order), dtype)
        for axis, step in zip(axes, spacings, strict=True)
    )


def _slopes(y, axis, spacing, edge_order):
    """Differences of second order inside, and of `edge_order` at the ends; any spacing."""
    n = y.shape[axis]
    if isinstance(spacing, Traced) and spacing.ndim:
        if spacing.shape != (n,):
            raise ValueError(f"the places of {n} samples must be 1-D, got shape {spacing.shape}")
        gaps = diff(spacing).reshape(-1, *[1] * (y.ndim - 1 - axis))
        gap = lambda i, j: take_slice(gaps, key=(slice(i, j),))  # noqa: E731
    else:
        step = spacing.item() if isinstance(spacing, Traced) else spacing
        gap = lambda i, j: step  # noqa: E731
    slope = diff(y, dim=axis) / gap(0, None)  # between neighbours
    at = lambda x, i, j: _part(x, axis, i, j)  # noqa: E731
    left, right = gap(0, n - 2), gap(1, None)
    inside = at(slope, 0, n - 2) * (right / (left + right)) + at(slope, 1, None) * (
        left / (left + right)
    )
    first, last = at(slope, 0, 1), at(slope, n - 2, None)
    if edge_order == 2:
        h, k = gap(0, 1), gap(1, 2)
        first = first * ((2 * h + k) / (h + k)) - at(slope, 1, 2) * (h / (h + k))
        h, k = gap(n - 2, None), gap(n - 3, n - 2)
        last = last * ((2 * h + k) / (h + k)) - at(slope, n - 3, n - 2) * (h / (h + k))
    return cat([first, inside, last], axis)
