"""Order: the largest and smallest values with their places, sorting."""

from __future__ import annotations

from typing import Any, NamedTuple

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.cast import clone
from lucid.ops.gather import take_along_dim
from lucid.ops.math import maximum, minimum
from lucid.ops.op import op
from lucid.ops.reduce import amax, amin, axes_of, reduced_shape, refuse_empty
from lucid.ops.shape import squeeze, unsqueeze


class Ranked(NamedTuple):
    """Values, and where along the dimension they came from."""

    values: Any
    indices: Any


def max(x, dim=None, keepdim=False):
    """The largest value of all; with `dim`, (values, indices) along it; with a tensor, `maximum`.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 5.0], [4.0, 2.0]])
    >>> x.max().item()
    5.0
    >>> values, indices = x.max(dim=1)
    >>> indices.tolist()
    [1, 0]
    """
    if isinstance(dim, Traced):
        return maximum(x, dim)
    return amax(x) if dim is None else _along(argmax, x, dim, keepdim)


def min(x, dim=None, keepdim=False):
    """The smallest value of all; with `dim`, (values, indices) along it; with a tensor, `minimum`.

    >>> import lucid
    >>> lucid.tensor([3.0, 1.0, 2.0]).min().item()
    1.0
    """
    if isinstance(dim, Traced):
        return minimum(x, dim)
    return amin(x) if dim is None else _along(argmin, x, dim, keepdim)


def _along(find: Any, x: Any, dim: int, keepdim: bool) -> Ranked:
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.ndim == 0:
        return Ranked(clone(x), find(x))
    indices = unsqueeze(find(x, axis), axis)
    values = take_along_dim(x, indices, axis)
    if keepdim:
        return Ranked(values, indices)
    return Ranked(squeeze(values, axis), squeeze(indices, axis))


@op
def argmax(x, /, dim=None, keepdim=False):
    """The index of the largest value along `dim` (None: of the flattened tensor), int64."""
    return _arg_extreme("argmax", mx.argmax, x, dim, keepdim)


@op
def argmin(x, /, dim=None, keepdim=False):
    """The index of the smallest value along `dim` (None: of the flattened tensor), int64."""
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
def argsort(x, /, dim=-1, descending=False):
    """The indices that sort x along `dim`; equal values keep their order."""
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.size == 0 or x.ndim == 0:
        return mx.zeros(x.shape, mx.int64), None
    if not descending:
        return mx.argsort(x, axis=axis).astype(mx.int64), None
    # backwards twice, so that equal values keep their order here too
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return x.shape[axis] - 1 - mx.argsort(x[back], axis=axis)[back].astype(mx.int64), None


def sort(x, dim=-1, descending=False):
    """(values, indices) of x in order along `dim`; equal values keep their order.

    >>> import lucid
    >>> values, indices = lucid.tensor([3.0, 1.0, 2.0]).sort()
    >>> indices.tolist()
    [1, 2, 0]
    """
    indices = argsort(x, dim, descending)
    return Ranked(clone(x) if x.ndim == 0 else take_along_dim(x, indices, dim), indices)


def topk(x, k, dim=-1, largest=True):
    """(values, indices) of the k largest (or smallest) along `dim`, in order.

    Raises:
        ValueError: k is negative or more than there are.

    >>> import lucid
    >>> lucid.tensor([3.0, 1.0, 2.0]).topk(2).values
    Tensor([3., 2.], grad=None)
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    count = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= count:
        raise ValueError(f"topk expects k from 0 to {count}, the size of dim {dim}, got {k}")
    if x.ndim == 0:
        return Ranked(clone(x), argsort(x))
    indices = argsort(x, axis, largest)[(slice(None),) * axis + (slice(k),)]
    return Ranked(take_along_dim(x, indices, axis), indices)
