"""Counting values: bincount and histograms."""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.cut import unbind
from lucid.ops.op import op
from lucid.ops.order import insertion_points
from lucid.ops.shape import reshape


def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2, ... occurs in a 1-D tensor, or the sums of `weights` there.

    It is as long as the largest value demands, and at least `minlength`, so it evaluates.

    Raises:
        TypeError: not a vector of integers.
        ValueError: a negative number or `minlength`, or weights of another shape.

    >>> import lucid
    >>> lucid.bincount(lucid.tensor([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    if not mx.issubdtype(input.dtype, mx.integer) or input.ndim != 1:
        raise TypeError(
            f"bincount expects a 1-D tensor of integers, got {input.dtype} of shape {input.shape}"
        )
    if minlength < 0:
        raise ValueError(f"minlength must not be negative, got {minlength}")
    places = input.numpy()
    if places.size and places.min() < 0:
        raise ValueError(f"bincount expects no negative values, got {places.min()}")
    if weights is None:
        counts = np.bincount(places, minlength=minlength)
        return input._wrap(mx.array(counts, mx.int64), input._device)
    if weights.shape != input.shape:
        raise ValueError(f"expected weights of shape {input.shape}, got {weights.shape}")
    single = weights.dtype == mx.float32 or input._device != "cpu"  # a GPU has no float64
    dtype = mx.float32 if single else mx.float64
    sums = np.bincount(places, weights.numpy().astype(np.float64), minlength)
    return input._wrap(mx.array(sums, dtype), input._device)


@op
def histc(x, /, bins=100, min=0, max=0):
    """How many values lie in each of `bins` equal intervals from `min` to `max`.

    With min = max they reach from the smallest value to the largest. What lies outside is not
    counted. The counts have the dtype of the values.

    Raises:
        TypeError: complex numbers.
        ValueError: no bins, min above max, or infinite values and no bounds.

    >>> import lucid
    >>> lucid.histc(lucid.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3).tolist()
    [0.0, 2.0, 1.0, 0.0]
    """
    if bins <= 0:
        raise ValueError(f"histc expects at least one bin, got {bins}")
    if not min <= max:
        raise ValueError(f"histc expects min <= max, got {min} and {max}")
    if mx.issubdtype(x.dtype, mx.complexfloating) or x.dtype == mx.bool_:
        raise TypeError(f"histc expects real numbers, got {x.dtype}")
    flat = x.reshape(-1).astype(mx.float64 if x.dtype == mx.float64 else mx.float32)
    if flat.size == 0:
        return mx.zeros(bins, x.dtype), None
    low, high = (mx.min(flat), mx.max(flat)) if min == max else map(mx.array, (min, max))
    if min == max and not mx.isfinite(low + high).item():
        raise ValueError("histc cannot span infinite values; give min and max")
    one_value = low == high
    low, high = (mx.where(one_value, e + d, e) for e, d in ((low, -1), (high, 1)))
    inside = (flat >= low) & (flat <= high)
    place = mx.floor((flat - low) / (high - low) * bins)
    place = mx.where(inside, mx.clip(place, 0, bins - 1), 0).astype(mx.int32)
    return mx.zeros(bins, x.dtype).at[place].add(inside.astype(x.dtype)), None


class Histogram(NamedTuple):
    """Counts and the edges between which they count."""

    hist: Any
    bin_edges: Any


def histogram(input, bins, *, range=None, weight=None, density=False):
    """How many values lie between neighbouring edges; the last interval includes its end.

    Args:
        bins: the number of intervals, or a 1-D tensor of ascending edges.
        range: (low, high) of the intervals; None: of the values.
        weight: what each value counts instead of 1.
        density: divide so that the integral is 1.

    >>> import lucid
    >>> lucid.histogram(lucid.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 3.0)).hist.tolist()
    [2.0, 1.0]
    """
    edges = _edges(input, bins, range)
    _check_weight(weight, input, input.shape)
    hist = _counts(reshape(input, (-1, 1)), weight, edges=(edges.array,), density=density)
    return Histogram(hist, edges)


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """`histogram` of points: how many lie in each cell of a grid.

    Args:
        input: points of D coordinates, (..., D).
        bins: the number of intervals, one for all coordinates or one each; or the edges of each.
        range: low and high of every coordinate in turn, 2 D numbers; None: of the points.
        weight: what each point counts, of the shape of input without its last dimension.
        density: divide so that the integral is 1.

    Raises:
        ValueError: not points (N, D), or bins and `range` that do not fit them.

    >>> import lucid
    >>> points = lucid.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    >>> lucid.histogramdd(points, 2).hist.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    if input.ndim < 2:
        raise ValueError(f"histogramdd expects points of shape (N, D), got {input.shape}")
    count = input.shape[-1]
    each = list(bins) if isinstance(bins, tuple | list) else [bins] * count
    if len(each) != count or (range is not None and len(range) != 2 * count):
        raise ValueError(
            f"histogramdd expects bins for {count} coordinates and a range of {2 * count} numbers "
            f"or None, got {len(each)} bins and range={range}"
        )
    cells = tuple(b.numel() if isinstance(b, Traced) else b for b in each)
    check_size("histogramdd", cells, input.dtype)
    points = reshape(input, (-1, count))
    columns = unbind(points, 1)
    ranges = [None if range is None else range[2 * i : 2 * i + 2] for i in builtins.range(count)]
    edges = tuple(_edges(*given) for given in zip(columns, each, ranges, strict=True))
    _check_weight(weight, input, input.shape[:-1])
    hist = _counts(points, weight, edges=tuple(e.array for e in edges), density=density)
    return Histogram(hist, edges)


def _check_weight(weight: Any, x: Any, shape: tuple[int, ...]) -> None:
    if weight is not None and (weight.shape != shape or weight.dtype != x.dtype):
        raise ValueError(
            f"expected weights of {x.dtype} and of shape {shape}, "
            f"got {weight.dtype} of shape {weight.shape}"
        )


def _edges(x, bins, range):
    """The edges of intervals, given or `bins` equal ones over the range or the values."""
    if not mx.issubdtype(x.dtype, mx.floating):
        raise TypeError(f"a histogram expects a floating point tensor, got {x.dtype}")
    if isinstance(bins, Traced):
        if bins.ndim != 1 or bins.dtype != x.dtype:
            raise ValueError(
                f"the edges must be 1-D and of dtype {x.dtype}, "
                f"got {bins.dtype} of shape {bins.shape}"
            )
        return bins
    if bins <= 0:
        raise ValueError(f"a histogram expects at least one bin, got {bins}")
    if range is None:
        values = x.numpy()
        range = (values.min().item(), values.max().item()) if values.size else (0.0, 1.0)
    low, high = range
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"a histogram expects a finite, ascending range, got {low} to {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return x._wrap(mx.array(np.linspace(low, high, bins + 1)).astype(x.dtype), x._device)


@op
def _counts(points, weight, /, *, edges, density):
    """The sums of the weights of the points (N, D) in each cell."""
    shape = [e.size - 1 for e in edges]
    hist = mx.zeros(math.prod(shape), points.dtype)
    if points.size:
        amount = mx.ones_like(points[:, 0]) if weight is None else weight.reshape(-1)
        cell = mx.zeros(amount.shape, mx.int32)
        for i, e in enumerate(edges):
            x = mx.contiguous(points[:, i])
            place = mx.clip(insertion_points(e, x, right=True) - 1, 0, shape[i] - 1)
            cell = cell * shape[i] + place
            amount = mx.where((x >= e[0]) & (x <= e[-1]), amount, 0)
        hist = hist.at[cell].add(amount)
    hist = hist.reshape(shape)
    if density:
        hist = hist / mx.sum(hist)
        for i, e in enumerate(edges):
            hist = hist / (e[1:] - e[:-1]).reshape(-1, *[1] * (len(shape) - 1 - i))
    return hist, None
