"""Diagonals and triangles of matrices."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops.cast import constant_like
from lucid.ops.entries import put, take
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import first
from lucid.ops.shape import expand, flatten, movedim, reshape


def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of the matrices in two dimensions, as a new last dimension.

    >>> import lucid
    >>> lucid.arange(6).reshape(2, 3).diagonal(1).tolist()
    [1, 5]
    """
    moved, places = _unrolled(input, offset, dim1, dim2)
    return take(moved, index=places, axis=moved.ndim - 1)


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices of zeros, in two new dimensions, with the last dimension on their diagonal.

    Raises:
        ValueError: a 0-dimensional tensor.

    >>> import lucid
    >>> lucid.tensor([1, 2]).diag_embed().tolist()
    [[1, 0], [0, 2]]
    """
    if input.ndim == 0:
        raise ValueError("diag_embed expects 1 dimension or more, got a 0-dimensional tensor")
    dims = axes_of(input.ndim + 1, (dim1, dim2))
    *batch, n = input.shape
    n += abs(offset)
    zeros = input._wrap(mx.zeros((*batch, n * n), input.dtype), input._device)
    filled = put(zeros, input, index=_places(n, n, offset), axis=len(batch))
    return movedim(reshape(filled, (*batch, n, n)), (-2, -1), dims)


def diag(input, diagonal=0):
    """Of a vector the matrix with it on the diagonal, of a matrix its diagonal.

    Raises:
        ValueError: other than 1 or 2 dimensions.

    >>> lucid.diag(lucid.tensor([1, 2]))
    Tensor([[1, 0],
            [0, 2]], grad=None)
    """
    if input.ndim not in (1, 2):
        raise ValueError(f"diag expects 1 or 2 dimensions, got shape {input.shape}")
    return diag_embed(input, diagonal) if input.ndim == 1 else _diagonal(input, diagonal)


_diagonal = diagonal  # whose name is that of diag's argument


def diagflat(input, offset=0):
    """The matrix with all elements of `input` on its diagonal.

    >>> lucid.diagflat(lucid.tensor([1, 2]), 1).tolist()
    [[0, 1, 0], [0, 0, 2], [0, 0, 0]]
    """
    return diag_embed(flatten(input), offset)


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """`input` with its diagonal replaced by `src`.

    Raises:
        ValueError: src has not the shape of that diagonal.

    >>> lucid.diagonal_scatter(lucid.zeros(2, 2), lucid.tensor([1.0, 2.0]))
    Tensor([[1., 0.],
            [0., 2.]], grad=None)
    """
    dims = axes_of(input.ndim, (dim1, dim2))
    moved, places = _unrolled(input, offset, dim1, dim2)
    expected = (*moved.shape[:-1], places.size)
    if src.shape != expected:
        raise ValueError(f"diagonal_scatter expects src of shape {expected}, got {src.shape}")
    filled = put(moved, src, index=places, axis=moved.ndim - 1)
    shape = (*moved.shape[:-1], *(input.shape[d] for d in dims))
    return movedim(reshape(filled, shape), (-2, -1), dims)


def fill_diagonal(input, fill_value, wrap=False):
    """`input`, a matrix or a cube of any dimensions, with a number on its main diagonal.

    Args:
        wrap: of a tall matrix, the diagonal goes on below, after a row without.

    Raises:
        ValueError: less than 2 dimensions, or more and not all of one size.

    >>> lucid.zeros(2, 2).fill_diagonal_(7)
    Tensor([[7., 0.],
            [0., 7.]], grad=None)
    """
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        raise ValueError(
            f"fill_diagonal expects a matrix, or all dimensions equal, got shape {input.shape}"
        )
    step = sum(math.prod(input.shape[i + 1 :]) for i in range(input.ndim))
    places = np.arange(0, input.numel(), step)[: None if wrap else min(input.shape)]
    index = mx.array(places.astype(np.int64), mx.int64)
    value = expand(constant_like(fill_value, input), index.shape)
    return reshape(put(flatten(input), value, index=index, axis=0), input.shape)


def _unrolled(x: Any, offset: int, dim1: int, dim2: int) -> tuple[Any, mx.array]:
    """x with two dimensions joined into a last one, and where in it the diagonal lies."""
    dims = axes_of(x.ndim, (dim1, dim2))
    if len(dims) != 2:
        raise IndexError(f"a diagonal needs 2 dimensions or more, got shape {x.shape}")
    moved = movedim(x, dims, (-2, -1))
    rows, columns = moved.shape[-2:]
    return flatten(moved, -2), _places(rows, columns, offset)


def _places(rows: int, columns: int, offset: int) -> mx.array:
    """Where a diagonal lies in a matrix that is unrolled row by row."""
    first = max(0, -offset)
    count = max(0, min(rows - first, columns - max(0, offset)))
    places = (np.arange(first, first + count)) * (columns + 1) + offset
    return mx.array(places.astype(np.int64), mx.int32 if rows * columns < 1 << 31 else mx.int64)


def _of_matrices(x, /, *_, **__):
    return first(x) if x.ndim > 2 else None


@op(linear=True, samples=_of_matrices)
def tril(x, /, diagonal=0):
    """The part of the matrices on and below a diagonal; zeros above.

    Raises:
        ValueError: less than 2 dimensions.

    >>> lucid.tril(lucid.ones(2, 3))
    Tensor([[1., 0., 0.],
            [1., 1., 0.]], grad=None)
    """
    _check_matrix("tril", x)
    return mx.tril(x, diagonal), lambda g: mx.tril(g, diagonal)


@op(linear=True, samples=_of_matrices)
def triu(x, /, diagonal=0):
    """The part of the matrices on and above a diagonal; zeros below.

    Raises:
        ValueError: less than 2 dimensions.

    >>> lucid.triu(lucid.ones(2, 3))
    Tensor([[1., 1., 1.],
            [0., 1., 1.]], grad=None)
    """
    _check_matrix("triu", x)
    return mx.triu(x, diagonal), lambda g: mx.triu(g, diagonal)


def _check_matrix(name: str, x: mx.array) -> None:
    if x.ndim < 2:
        raise ValueError(f"{name} expects 2 dimensions or more, got shape {x.shape}")
