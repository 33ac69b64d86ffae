"""Picking by index: gather, take_along_dim, index_select, take."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops import entries
from lucid.ops.bounds import checked
from lucid.ops.cast import clone
from lucid.ops.entries import take_slice
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import Which, within
from lucid.ops.shape import expand, flatten
from lucid.ops.spelling import numpy_names


@numpy_names
def gather(input, dim, index, *, sparse_grad=False):
    """y[i][j][k] = input[i][index[i][j][k]][k] for dim = 1, and so on; as `torch.gather`.

    `index` has as many dimensions as `input`, and is no longer except along `dim`. There are no
    sparse gradients; `sparse_grad` is ignored.

    Raises:
        IndexError: an index out of range.
        ValueError: an index of a shape that does not fit.

    >>> import lucid
    >>> lucid.gather(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, lucid.tensor([[1], [0]])).tolist()
    [[2.0], [3.0]]
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    n = input.shape[axis] if input.ndim else 1
    indices = checked("gather", index, n, axis, wraps=False)
    if indices.size == 0:
        return _nothing(input, indices.shape)
    check_shape("gather", input.shape, axis, indices.shape)
    if input.ndim == 0 or indices.ndim == 0:
        return entries.take(flatten(input), index=indices, axis=0)
    key = tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(indices.shape))
    whole = all(a == b for i, (a, b) in enumerate(zip(indices.shape, input.shape, strict=True))
                if i != axis)  # fmt: skip
    return _gather(input if whole else take_slice(input, key=key), index=indices, axis=axis)


def check_shape(name: str, shape: tuple[int, ...], axis: int, index: tuple[int, ...]) -> None:
    """Refuse an index that does not fit into a tensor of `shape` except along `axis`."""
    own, given = shape or (1,), index or (1,)
    fits = len(own) == len(given) and all(
        a <= b for i, (a, b) in enumerate(zip(given, own, strict=True)) if i != axis
    )
    if not fits:
        raise ValueError(
            f"{name} expects an index of {len(shape)} dimensions that fits into {shape} except "
            f"along dim {axis}, got shape {index}"
        )


def _nothing(x: Any, shape: tuple[int, ...]) -> Any:
    return entries.take(flatten(x), index=mx.zeros(shape, mx.int32), axis=0)


def take_along_dim(input, indices, dim=None):
    """As `gather`, with the sizes other than `dim` broadcast against each other.

    Without `dim`, both are flattened first.

    Raises:
        IndexError: an index out of range.
        ValueError: indices of another number of dimensions.

    >>> x = lucid.tensor([[3, 1, 2], [9, 7, 8]])
    >>> lucid.take_along_dim(x, x.argsort(dim=1), dim=1)
    Tensor([[1, 2, 3],
            [7, 8, 9]], grad=None)
    """
    if dim is None:
        input, dim = flatten(input), 0
        indices = flatten(indices) if isinstance(indices, Traced) else indices.reshape(-1)
    (axis,) = axes_of(input.ndim, dim)
    indices = checked("take_along_dim", indices, input.shape[axis], axis)
    if indices.ndim != input.ndim:
        raise ValueError(
            "take_along_dim expects as many dimensions in the indices as in the input "
            f"({input.ndim}), got shape {indices.shape}"
        )
    return _along(input, indices, axis)


def pick_along(input, indices, axis):
    """`take_along_dim` at indices that an operation has found, which need no look at them.

    So nothing is evaluated.
    """
    return _along(input, indices.array, axis)


def _along(input: Any, indices: mx.array, axis: int) -> Any:
    rest = mx.broadcast_shapes(
        (*input.shape[:axis], 1, *input.shape[axis + 1 :]),
        (*indices.shape[:axis], 1, *indices.shape[axis + 1 :]),
    )
    indices = mx.broadcast_to(indices, (*rest[:axis], indices.shape[axis], *rest[axis + 1 :]))
    wide = expand(input, (*rest[:axis], input.shape[axis], *rest[axis + 1 :]))
    return _gather(wide, index=indices, axis=axis)


@numpy_names
def index_select(input, dim, index):
    """The slices of `input` along `dim` that a 1-D `index` names, in its order.

    Raises:
        IndexError: an index out of range.

    >>> lucid.index_select(lucid.tensor([[1, 2, 3], [4, 5, 6]]), 1, lucid.tensor([2, 0]))
    Tensor([[3, 1],
            [6, 4]], grad=None)
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    n = input.shape[axis] if input.ndim else 1
    indices = checked("index_select", index, n, axis, wraps=False)
    if indices.ndim > 1:
        raise ValueError(f"index_select expects a 1-D index, got shape {indices.shape}")
    if input.ndim == 0:
        return clone(input)
    return entries.take(input, index=indices.reshape(-1), axis=axis)


def take(input, index):
    """The elements of the flattened `input` that `index`, of any shape, names.

    Raises:
        IndexError: an index out of range.

    >>> import lucid
    >>> lucid.take(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([0, -1])).tolist()
    [1, 4]
    """
    indices = checked("take", index, input.numel(), 0)
    return entries.take(flatten(input), index=indices, axis=0)


def _with_index(x, /, *, index, axis):
    return Which([True], ["index"]) if within(x, axis) else None


@op(linear=True, samples=_with_index)
def _gather(x, /, *, index, axis):
    """x at `index` along `axis`; the shapes agree on the other axes."""
    shape = x.shape

    def pick(a):
        return mx.take_along_axis(a, index, axis)

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if g.size == 0:
            return zeros
        return mx.vjp(pick, [zeros], [g])[1][0]  # a sum over repeated indices

    return (pick(x) if index.size else mx.zeros(index.shape, x.dtype)), rule
