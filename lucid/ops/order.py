"""Order: the largest and smallest values with their places, sorting."""

from __future__ import annotations

from typing import Any, NamedTuple

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.bounds import checked
from lucid.ops.cast import clone
from lucid.ops.gather import pick_along
from lucid.ops.math import maximum, minimum
from lucid.ops.op import op
from lucid.ops.reduce import amax, amin, axes_of, reduced_shape, refuse_empty
from lucid.ops.samplewise import within
from lucid.ops.shape import squeeze, unsqueeze
from lucid.ops.spelling import numpy_names


class Ranked(NamedTuple):
    """Values, and where along the dimension they came from."""

    values: Any
    indices: Any


@numpy_names
def max(input, dim=None, keepdim=False, *, other=None):
    """The largest value of all; with `dim`, (values, indices) along it; with a tensor, `maximum`.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 5.0], [4.0, 2.0]])
    >>> x.max().item()
    5.0
    >>> values, indices = x.max(dim=1)
    >>> indices.tolist()
    [1, 0]
    """
    if other is not None or isinstance(dim, Traced):
        return maximum(input, dim if other is None else other)
    return amax(input) if dim is None else _along(argmax, input, dim, keepdim)


@numpy_names
def min(input, dim=None, keepdim=False, *, other=None):
    """The smallest value of all; with `dim`, (values, indices) along it; with a tensor, `minimum`.

    >>> import lucid
    >>> lucid.tensor([3.0, 1.0, 2.0]).min().item()
    1.0
    """
    if other is not None or isinstance(dim, Traced):
        return minimum(input, dim if other is None else other)
    return amin(input) if dim is None else _along(argmin, input, dim, keepdim)


def _along(find: Any, x: Any, dim: int, keepdim: bool) -> Ranked:
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.ndim == 0:
        return Ranked(clone(x), find(x))
    return picked(x, unsqueeze(find(x, axis), axis), axis, keepdim)


def picked(x: Any, indices: Any, axis: int, keepdim: bool) -> Ranked:
    """The values at indices of size 1 along an axis, which goes unless `keepdim`."""
    if x.ndim == 0:
        return Ranked(clone(x), indices)
    values = pick_along(x, indices, axis)
    if keepdim:
        return Ranked(values, indices)
    return Ranked(squeeze(values, axis), squeeze(indices, axis))


@op(samples=within)
def argmax(x, /, dim=None, keepdim=False):
    """The index of the largest value along `dim` (None: of the flattened tensor), int64.

    >>> lucid.argmax(lucid.tensor([[1, 5], [3, 2]]), dim=1)
    Tensor([1, 0], grad=None)
    """
    return _arg_extreme("argmax", mx.argmax, x, dim, keepdim)


@op(samples=within)
def argmin(x, /, dim=None, keepdim=False):
    """The index of the smallest value along `dim` (None: of the flattened tensor), int64.

    >>> lucid.argmin(lucid.tensor([[1, 5], [3, 2]]), dim=1)
    Tensor([0, 1], grad=None)
    """
    return _arg_extreme("argmin", mx.argmin, x, dim, keepdim)


def _arg_extreme(name: str, find: Any, x: mx.array, dim: Any, keepdim: bool) -> Any:
    axes = axes_of(x.ndim, dim)
    refuse_empty(x.shape, axes)
    if dim is not None and isinstance(dim, tuple | list):
        raise TypeError(f"{name} expects one dim, got {dim!r}")
    if x.size == 0 or x.ndim == 0:
        return mx.zeros(reduced_shape(x.shape, axes, keepdim), mx.int64), None
    y = find(x, axis=dim, keepdims=keepdim)
    return y.astype(mx.int64), None


@op
def argsort(x, /, dim=-1, descending=False, *, stable=True):
    """The indices that sort x along `dim`; equal values keep their order, `stable` or not.

    >>> lucid.argsort(lucid.tensor([3.0, 1.0, 2.0]))
    Tensor([1, 2, 0], grad=None)
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.size == 0 or x.ndim == 0:
        return mx.zeros(x.shape, mx.int64), None
    if not descending:
        return mx.argsort(x, axis=axis).astype(mx.int64), None
    # backwards twice, so that equal values keep their order here too
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return x.shape[axis] - 1 - mx.argsort(x[back], axis=axis)[back].astype(mx.int64), None


@numpy_names
def sort(input, dim=-1, descending=False, *, stable=True):
    """(values, indices) of input in order along `dim`; equal values keep their order.

    >>> import lucid
    >>> values, indices = lucid.tensor([3.0, 1.0, 2.0]).sort()
    >>> indices.tolist()
    [1, 2, 0]
    """
    indices = argsort(input, dim, descending)
    if input.ndim == 0:
        return Ranked(clone(input), indices)
    return Ranked(pick_along(input, indices, axes_of(input.ndim, dim)[0]), indices)


def msort(input):
    """The values in order along the first dimension.

    >>> lucid.msort(lucid.tensor([[3, 1], [2, 4]]))
    Tensor([[2, 1],
            [3, 4]], grad=None)
    """
    return sort(input, 0).values


@numpy_names
def topk(input, k, dim=-1, largest=True, sorted=True):
    """(values, indices) of the k largest (or smallest) along `dim`, in order, `sorted` or not.

    Raises:
        ValueError: k is negative or more than there are.

    >>> import lucid
    >>> lucid.tensor([3.0, 1.0, 2.0]).topk(2).values
    Tensor([3., 2.], grad=None)
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    count = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= count:
        raise ValueError(f"topk expects k from 0 to {count}, the size of dim {dim}, got {k}")
    if input.ndim == 0:
        return Ranked(clone(input), argsort(input))
    indices = argsort(input, axis, largest)[(slice(None),) * axis + (slice(k),)]
    return Ranked(pick_along(input, indices, axis), indices)


@numpy_names
def kthvalue(input, k, dim=-1, keepdim=False):
    """(value, index) of the kth smallest along `dim`, from 1 on.

    Raises:
        ValueError: k not from 1 to the size of `dim`.

    >>> import lucid
    >>> lucid.kthvalue(lucid.tensor([3.0, 1.0, 2.0]), 2).values.item()
    2.0
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    count = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= count:
        raise ValueError(f"kthvalue expects k from 1 to {count}, the size of dim {dim}, got {k}")
    order = argsort(input, dim)
    if input.ndim:
        order = order[(slice(None),) * axis + (slice(k - 1, k),)]
    return picked(input, order, axis, keepdim)


@op
def searchsorted(
    sorted_sequence, input, /, *, out_int32=False, right=False, side=None, sorter=None
):
    """Where `input` belongs in sequences in ascending order along the last dimension.

    Args:
        out_int32: indices in int32 instead of int64.
        right: behind equal elements instead of before them.
        side: "left" or "right", the same by name.
        sorter: the indices that bring the sequences into order, where they are not.

    Shapes: (..., n) and (..., m) -> (..., m), or (n,) and any shape.

    Raises:
        ValueError: shapes that do not fit, or `side` and `right` that contradict each other.

    >>> import lucid
    >>> lucid.searchsorted(lucid.tensor([1.0, 3.0, 5.0]), lucid.tensor([3.0, 6.0])).tolist()
    [1, 3]
    """
    if side not in (None, "left", "right"):
        raise ValueError(f'side must be "left" or "right", got {side!r}')
    if side == "left" and right:
        raise ValueError('side="left" and right=True contradict each other')
    x = sorted_sequence if sorter is None else _arranged(sorted_sequence, sorter.array)
    y = input if isinstance(input, mx.array) else mx.array(input, x.dtype)
    if x.ndim == 0:
        raise ValueError("searchsorted expects a sequence of at least one dimension")
    if x.ndim > 1 and x.shape[:-1] != y.shape[:-1]:
        raise ValueError(
            "searchsorted expects sequences and values alike in all dimensions but the last, "
            f"got shapes {x.shape} and {y.shape}"
        )
    places = insertion_points(x, y, right or side == "right")
    return places if out_int32 else places.astype(mx.int64), None


def _arranged(x: mx.array, order: mx.array) -> mx.array:
    if order.shape != x.shape or not mx.issubdtype(order.dtype, mx.integer):
        raise ValueError(
            f"the sorter must be of integers and of shape {x.shape}, "
            f"got {order.dtype} of shape {order.shape}"
        )
    places = checked("searchsorted", order, x.shape[-1], x.ndim - 1, wraps=False)
    return mx.take_along_axis(x, places, -1)


def insertion_points(x: mx.array, y: mx.array, right: bool) -> mx.array:
    """Where y belongs in the ascending x, by bisection along the last dimension, in int32."""
    # a NaN is never below anything, so it comes last, as in torch
    behind = mx.greater if right else mx.greater_equal
    low = mx.zeros(y.shape, mx.int32)
    high = mx.full(y.shape, x.shape[-1], mx.int32)
    for _ in range(x.shape[-1].bit_length()):
        middle = (low + high) // 2
        probe = mx.minimum(middle, x.shape[-1] - 1)
        found = mx.take(x, probe) if x.ndim == 1 else mx.take_along_axis(x, probe, -1)
        up = mx.logical_not(behind(found, y)) & (low < high)
        low, high = mx.where(up, middle + 1, low), mx.where(up, high, middle)
    return low


def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The number of the interval between `boundaries`, 1-D and ascending, that input lies in.

    Raises:
        ValueError: boundaries that are not 1-D.

    >>> import lucid
    >>> lucid.bucketize(lucid.tensor([0.5, 2.0]), lucid.tensor([1.0, 2.0, 3.0])).tolist()
    [0, 1]
    """
    if boundaries.ndim != 1:
        raise ValueError(f"boundaries must be 1-D, got shape {boundaries.shape}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
