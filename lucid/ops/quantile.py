"""Medians, quantiles and modes: values at a place in the order."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.cast import astype, clone
from lucid.ops.compare import isnan, logical_not
from lucid.ops.gather import pick_along
from lucid.ops.math import clamp, lerp, mul, sub
from lucid.ops.op import op
from lucid.ops.order import Ranked, argsort, picked, sort
from lucid.ops.reduce import any, axes_of, extreme, refuse_empty, sum
from lucid.ops.rounding import ceil, floor, round
from lucid.ops.shape import flatten, movedim, reshape, squeeze, unsqueeze
from lucid.ops.spelling import numpy_names
from lucid.ops.where import where


@numpy_names
def median(input, dim=None, keepdim=False):
    """The median, of two in the middle the lower; with `dim`, (values, indices) along it.

    Where there is a NaN, it is the median. The gradient of the median of all is shared by ties.

    >>> import lucid
    >>> lucid.median(lucid.tensor([4.0, 1.0, 3.0, 2.0])).item()
    2.0
    """
    return _median(input, dim, keepdim, ignore=False)


@numpy_names
def nanmedian(input, dim=None, keepdim=False):
    """As `median`, of what is not NaN.

    >>> lucid.nanmedian(lucid.tensor([1.0, lucid.nan, 3.0, 2.0]))
    Tensor(2., grad=None)
    """
    return _median(input, dim, keepdim, ignore=True)


def _median(x: Any, dim: Any, keepdim: bool, ignore: bool) -> Any:
    if dim is None:
        return _median_of_all(x, ignore=ignore)
    (axis,) = axes_of(x.ndim, dim) or (0,)
    refuse_empty(x.shape, (axis,) if x.ndim else ())
    if x.ndim == 0:
        return Ranked(clone(x), argsort(x))
    order = argsort(x, axis)
    return picked(x, pick_along(order, _middle(x, axis=axis, ignore=ignore), axis), axis, keepdim)


@op
def _middle(x, /, *, axis, ignore):
    return _middle_place(x, axis, ignore), None


def _middle_place(x: mx.array, axis: int, ignore: bool) -> mx.array:
    """Where in the order, in which NaN come last, the median along an axis is."""
    n = x.shape[axis]
    x = mx.stop_gradient(x)  # MLX would differentiate the place otherwise
    numbers = mx.sum(mx.logical_not(mx.isnan(x)), axis=axis, keepdims=True).astype(mx.int64)
    lower = mx.maximum((numbers - 1) // 2, 0)
    return lower if ignore else mx.where(numbers < n, numbers, lower)


@op
def _median_of_all(x, /, *, ignore):
    if x.size == 0:
        nan = mx.array(float("nan"), x.dtype)
        return nan, lambda g: mx.zeros(x.shape, g.dtype)

    def find(a, axis, keepdims):
        flat = a.reshape(-1)
        y = mx.take(mx.sort(flat), _middle_place(flat, 0, ignore))
        return y.reshape([1] * a.ndim if keepdims else [])

    return extreme(find, x, None, False)


@numpy_names
def mode(input, dim=-1, keepdim=False):
    """(values, indices) of the most frequent along `dim`: of several the smallest, its last place.

    >>> import lucid
    >>> lucid.mode(lucid.tensor([3.0, 1.0, 1.0, 3.0])).values.item()
    1.0
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    refuse_empty(input.shape, (axis,) if input.ndim else ())
    if input.ndim == 0:
        return Ranked(clone(input), argsort(input))
    return picked(input, _place_of_mode(input, axis=axis), axis, keepdim)


@op
def _place_of_mode(x, /, *, axis):
    x = mx.moveaxis(x, axis, -1)
    order = mx.argsort(x, axis=-1)
    values = mx.take_along_axis(x, order, -1)
    place = mx.broadcast_to(mx.arange(x.shape[-1]), x.shape)
    new = mx.concatenate(
        [mx.ones_like(values[..., :1]) != 0, values[..., 1:] != values[..., :-1]], -1
    )
    length = place - mx.cummax(mx.where(new, place, 0), axis=-1)  # of the run so far
    longest = mx.argmax(length, axis=-1, keepdims=True)
    found = mx.take_along_axis(order, longest, -1)
    return mx.moveaxis(found, -1, axis).astype(mx.int64), None


@numpy_names
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The values that a share q of the values along `dim` (None: of all) lies below.

    Args:
        q: a number from 0 to 1, or a 1-D tensor of them, which becomes the first dimension.
        interpolation: between two values "linear", "lower", "higher", "midpoint" or "nearest".

    Raises:
        TypeError: neither float32 nor float64.
        ValueError: no values, or a q outside of 0 to 1.

    >>> import lucid
    >>> lucid.quantile(lucid.tensor([0.0, 1.0, 2.0, 3.0]), 0.5).item()
    1.5
    """
    return _quantile(input, q, dim, keepdim, interpolation, ignore=False)


@numpy_names
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """As `quantile`, of what is not NaN.

    >>> lucid.nanquantile(lucid.tensor([1.0, lucid.nan, 3.0]), 0.5)
    Tensor(2., grad=None)
    """
    return _quantile(input, q, dim, keepdim, interpolation, ignore=True)


def _quantile(x: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore: bool) -> Any:
    q = _checked(x, q, interpolation)
    ordered, shape = _ordered(x, dim, keepdim)
    n = ordered.shape[-1]
    nan = isnan(ordered)
    shares = reshape(q, (-1, *[1] * ordered.ndim))
    if ignore:
        last = clamp(sub(sum(logical_not(nan), -1, True), 1), 0)
        ranks = mul(shares, astype(last, x.dtype))
    else:
        ranks = where(any(nan, -1, True), float(n - 1), mul(shares, float(n - 1)))
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": floor, "higher": ceil, "nearest": round}[interpolation](ranks)
    below = floor(ranks)
    low, high = (_at(ordered, r) for r in (below, ceil(ranks)))
    if interpolation == "linear":
        y = lerp(low, high, sub(ranks, below.detach()))
    else:
        y = lerp(low, high, 0.5) if interpolation == "midpoint" else low
    y = reshape(y, (q.numel(), *shape))
    return squeeze(y, 0) if q.ndim == 0 else y


def _checked(x: Any, q: Any, interpolation: str) -> Any:
    """q as a tensor, where all arguments are in order."""
    if x.numel() == 0:
        raise ValueError(f"quantile expects values, got a tensor of shape {x.shape}")
    if x.dtype not in (mx.float32, mx.float64):
        raise TypeError(f"quantile expects float32 or float64, got {x.dtype}")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ValueError(
            'interpolation must be "linear", "lower", "higher", "midpoint" or "nearest", '
            f"got {interpolation!r}"
        )
    if not isinstance(q, Traced):
        q = x._wrap(mx.array(q, x.dtype), x._device)
    if q.ndim > 1 or q.dtype != x.dtype:
        raise ValueError(
            f"q must be a number or 1-D and of dtype {x.dtype}, got {q.dtype} of shape {q.shape}"
        )
    values = q.numpy()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"q must lie between 0 and 1, got {values}")
    return q


def _ordered(x: Any, dim: Any, keepdim: bool) -> tuple[Any, tuple[int, ...]]:
    """The values in order along a last dimension, and the shape without it."""
    if dim is None:
        shape = (1,) * x.ndim if keepdim else ()
        return sort(flatten(x)).values if x.ndim else unsqueeze(x, 0), shape
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.ndim == 0:
        return unsqueeze(x, 0), ()
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :]) if keepdim else rest
    return sort(movedim(x, axis, -1)).values, shape


def _at(ordered: Any, ranks: Any) -> Any:
    """The ordered values at ranks of shape (Q, ..., 1)."""
    places = astype(ranks.detach(), mx.int64)
    return pick_along(unsqueeze(ordered, 0), places, ordered.ndim)
