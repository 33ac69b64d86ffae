"""Variance, covariance and the statistics of counted values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops.cast import astype
from lucid.ops.complex import conj, real
from lucid.ops.diagonal import diagonal
from lucid.ops.elementary import sqrt
from lucid.ops.linalg import matmul
from lucid.ops.math import clamp, mul, sub
from lucid.ops.op import op
from lucid.ops.order import insertion_points
from lucid.ops.reduce import all_axes, mean, reduced_shape, spread, sum, total
from lucid.ops.rules import rounded_once
from lucid.ops.shape import reshape, squeeze, transpose, unsqueeze
from lucid.ops.spelling import numpy_names


@op
@rounded_once(integers=True)
def var(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The variance over `dim`, divided by n - correction (1, or 0 with `unbiased=False`)."""
    return _moments(x, dim, unbiased, keepdim, correction)


@op
@rounded_once(integers=True)
def std(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The standard deviation over `dim`: the square root of `var`."""
    variance, spread = _moments(x, dim, unbiased, keepdim, correction)
    y = mx.sqrt(variance)

    def rule(g):  # 0 where all values are equal, as in torch
        flat = y == 0
        return spread(mx.where(flat, mx.zeros_like(g), 0.5 * g / mx.where(flat, 1.0, y)))

    return y, rule


def _moments(x: mx.array, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"expected a floating point tensor, got {x.dtype}; use x.float()")
    if isinstance(dim, bool):  # torch.var(x, unbiased)
        dim, unbiased = None, dim
    axes, shape = all_axes(x.ndim, dim), x.shape
    correction = (1 if unbiased else 0) if correction is None else correction
    count = math.prod(shape[a] for a in axes)
    freedom = max(count - correction, 0)
    if count == 0:
        nan = mx.full(reduced_shape(shape, axes, keepdim), float("nan"), mx.real(x).dtype)
        return nan, lambda g: mx.full(shape, float("nan"), g.dtype)
    centred = x - total(x, axes, True) * (1 / count)
    squares = mx.square(mx.abs(centred)) if x.dtype == mx.complex64 else centred * centred
    y = total(squares, axes, keepdim) * (1 / freedom if freedom else math.inf)

    def pull(g):
        return spread(g, shape, axes) * centred * (2 / freedom if freedom else math.nan)

    return y, pull


@numpy_names
def var_mean(input, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """(var, mean) over `dim`."""
    return _with_mean(var, input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(input, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """(std, mean) over `dim`."""
    return _with_mean(std, input, dim, unbiased, keepdim, correction)


def _with_mean(spread_of, x, dim, unbiased, keepdim, correction):
    found = spread_of(x, dim, unbiased, keepdim, correction=correction)
    return found, mean(x, None if isinstance(dim, bool) else dim, keepdim)


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance of the rows: variables in rows, observations in columns.

    Args:
        correction: what is taken from the number of observations in the divisor.
        fweights: how often each observation occurs, integers.
        aweights: how much each observation counts.

    >>> import lucid
    >>> lucid.cov(lucid.tensor([[0.0, 2.0], [1.0, 5.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    if input.ndim > 2:
        raise ValueError(f"cov expects at most 2 dimensions, got shape {input.shape}")
    if input.dtype == mx.bool_:
        raise TypeError("cov expects numbers, got bool")
    x = input if mx.issubdtype(input.dtype, mx.inexact) else astype(input, mx.float32)
    x = x if x.ndim == 2 else reshape(x, (1, -1))
    observations = x.shape[1]
    weights = _weights(observations, fweights, aweights)
    if weights is None:
        centred, norm_of = sub(x, mean(x, 1, True)), observations - correction
        weighted = centred
    else:
        whole = sum(weights)
        centred = sub(x, sum(mul(x, weights), 1, True) / whole)
        weighted = mul(centred, weights)
        norm_of = whole - correction
        if aweights is not None:
            norm_of = whole - correction * sum(mul(weights, aweights)) / whole
    found = matmul(weighted, conj(transpose(centred, 0, 1)))
    norm_of = clamp(norm_of, 0) if isinstance(norm_of, Traced) else max(norm_of, 0)
    found = found / norm_of if isinstance(norm_of, Traced) or norm_of else found * math.nan
    return squeeze(found)


def _weights(observations: int, fweights: Any, aweights: Any) -> Any:
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        if given.shape != (observations,):
            raise ValueError(f"{name} must be of shape ({observations},), got {given.shape}")
        if (given.numpy() < 0).any():
            raise ValueError(f"{name} must not be negative")
    if fweights is not None and mx.issubdtype(fweights.dtype, mx.inexact):
        raise TypeError(f"fweights must be integers, got {fweights.dtype}")
    if aweights is not None and not mx.issubdtype(aweights.dtype, mx.inexact):
        raise TypeError(f"aweights must be floating point, got {aweights.dtype}")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return mul(fweights, aweights)


def corrcoef(input):
    """The correlation of the rows: covariances divided by both standard deviations.

    >>> import lucid
    >>> lucid.corrcoef(lucid.tensor([[0.0, 2.0, 4.0], [3.0, 2.0, 1.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if input.ndim > 2:
        raise ValueError(f"corrcoef expects at most 2 dimensions, got shape {input.shape}")
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviations = sqrt(real(diagonal(c)))
    found = c / unsqueeze(deviations, 1) / unsqueeze(deviations, 0)
    return found if found.dtype == mx.complex64 else clamp(found, -1, 1)


def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2, ... occurs in a 1-D tensor, or the sums of `weights` there.

    It is as long as the largest value demands, and at least `minlength`, so it evaluates.

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
    dtype = mx.float32 if weights.dtype == mx.float32 else mx.float64
    sums = np.bincount(places, weights.numpy().astype(np.float64), minlength)
    return input._wrap(mx.array(sums, dtype), input._device)


@op
def histc(x, /, bins=100, min=0, max=0):
    """How many values lie in each of `bins` equal intervals from `min` to `max`.

    With min = max they reach from the smallest value to the largest. What lies outside is not
    counted. The counts have the dtype of the values.

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
    if not mx.issubdtype(input.dtype, mx.floating):
        raise TypeError(f"histogram expects a floating point tensor, got {input.dtype}")
    if isinstance(bins, Traced):
        if bins.ndim != 1 or bins.dtype != input.dtype:
            raise ValueError(
                f"the edges must be 1-D and of dtype {input.dtype}, "
                f"got {bins.dtype} of shape {bins.shape}"
            )
        edges = bins
    else:
        edges = input._wrap(_edges(input.array, bins, range), input._device)
    if weight is not None and (weight.shape != input.shape or weight.dtype != input.dtype):
        raise ValueError(
            f"expected weights like the input, {input.dtype} of shape {input.shape}, "
            f"got {weight.dtype} of shape {weight.shape}"
        )
    return Histogram(_counts(input, edges, weight, density=density), edges)


def _edges(x: mx.array, bins: int, range: Any) -> mx.array:
    if bins <= 0:
        raise ValueError(f"histogram expects at least one bin, got {bins}")
    if range is None:
        range = (0.0, 1.0) if x.size == 0 else (mx.min(x).item(), mx.max(x).item())
    low, high = range
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"histogram expects a finite, ascending range, got {low} to {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return mx.array(np.linspace(low, high, bins + 1)).astype(x.dtype)


@op
def _counts(x, edges, weight, /, *, density):
    flat, bins = x.reshape(-1), edges.size - 1
    hist = mx.zeros(bins, x.dtype)
    if flat.size:
        hist = hist.at[_places_between(edges, flat)].add(_amounts(edges, flat, weight))
    if density:
        hist = hist / mx.sum(hist) / (edges[1:] - edges[:-1])
    return hist, None


def _places_between(edges: mx.array, x: mx.array) -> mx.array:
    """The interval of each value; of the values outside, the first or last."""
    return mx.clip(insertion_points(edges, x, right=True) - 1, 0, edges.size - 2)


def _amounts(edges: mx.array, x: mx.array, weight: Any) -> mx.array:
    """What each value counts: nothing outside."""
    inside = (x >= edges[0]) & (x <= edges[-1])
    return mx.where(inside, mx.ones_like(x) if weight is None else weight.reshape(-1), 0)
