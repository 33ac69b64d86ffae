"""Joining tensors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _shards
from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.autocast import autocasts
from lucid.ops.gather import index_select
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import Which, alike
from lucid.ops.shape import atleast_1d, atleast_2d, atleast_3d, expand, flatten, reshape
from lucid.ops.spelling import numpy_names


@numpy_names
@autocasts
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along `dim`; their other sizes agree.

    Raises:
        ValueError: a 0-dimensional tensor, or sizes that do not agree.

    >>> import lucid
    >>> lucid.cat([lucid.ones(2, 3), lucid.zeros(2, 1)], dim=1).shape
    (2, 4)
    """
    given = _several("cat", tensors)
    if any(x.ndim == 0 for x in given):
        raise ValueError("cat expects 1 dimension or more, got a 0-dimensional tensor; use stack")
    ranks = {x.ndim for x in given}
    if len(ranks) == 2 and 1 in ranks:  # as in torch, tensors of shape (0,) count for nothing
        kept = [x for x in given if tuple(x.shape) != (0,)]
        if len({x.ndim for x in kept}) == 1 and any(isinstance(x, Traced) for x in kept):
            given = kept
    return _cat(*given, dim=dim)


concat = concatenate = cat


@numpy_names
@autocasts
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension.

    >>> import lucid
    >>> lucid.stack([lucid.ones(3), lucid.zeros(3)]).shape
    (2, 3)
    """
    return _stack(*_several("stack", tensors), dim=dim)


def hstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along dimension 1, vectors along dimension 0.

    >>> lucid.hstack([lucid.tensor([1, 2]), lucid.tensor([3])])
    Tensor([1, 2, 3], grad=None)
    """
    given = [atleast_1d(x) for x in _several("hstack", tensors)]
    return cat(given, dim=0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along dimension 0, vectors as rows.

    >>> import lucid
    >>> lucid.vstack((lucid.ones(2), lucid.zeros(2))).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    return cat([atleast_2d(x) for x in _several("vstack", tensors)], dim=0)


row_stack = vstack


def dstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along dimension 2, vectors as (1, L, 1).

    >>> lucid.dstack([lucid.tensor([1, 2]), lucid.tensor([3, 4])]).tolist()
    [[[1, 3], [2, 4]]]
    """
    return cat([atleast_3d(x) for x in _several("dstack", tensors)], dim=2)


def column_stack(tensors: Sequence[Any]) -> Any:
    """Vectors joined as the columns of a matrix; matrices along dimension 1.

    >>> lucid.column_stack([lucid.tensor([1, 2]), lucid.tensor([3, 4])])
    Tensor([[1, 3],
            [2, 4]], grad=None)
    """
    columns = [reshape(x, -1, 1) if x.ndim < 2 else x for x in _several("column_stack", tensors)]
    return cat(columns, dim=1)


def block_diag(*tensors: Any) -> Any:
    """A matrix of zeros with the tensors, of 2 dimensions or fewer, along its diagonal.

    Raises:
        ValueError: more than 2 dimensions.

    >>> import lucid
    >>> lucid.block_diag(lucid.tensor([1]), lucid.tensor([[2, 3]])).tolist()
    [[1, 0, 0], [0, 2, 3]]
    """
    blocks = [atleast_2d(x) for x in _several("block_diag", list(tensors))]
    if any(x.ndim > 2 for x in blocks):
        shapes = [x.shape for x in tensors]
        raise ValueError(f"block_diag expects at most 2 dimensions, got shapes {shapes}")
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        n, m = x.shape
        before = x._wrap(mx.zeros((n, left), x.dtype), x._device)
        after = x._wrap(mx.zeros((n, width - left - m), x.dtype), x._device)
        rows.append(cat([before, x, after], dim=1))
        left += m
    return cat(rows, dim=0)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Vectors spread over the grid that they span, one tensor for each.

    Args:
        indexing: "ij": the first vector runs along dimension 0; "xy": along dimension 1.

    Raises:
        TypeError: different dtypes.
        ValueError: more than 1 dimension, or another `indexing`.

    >>> import lucid
    >>> x, y = lucid.meshgrid(lucid.arange(2), lucid.arange(3), indexing="ij")
    >>> y.tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid expects indexing="ij" or "xy", got {indexing!r}')
    given = _vectors("meshgrid", tensors)
    if indexing == "xy" and len(given) > 1:
        given[0], given[1] = given[1], given[0]
    shape = tuple(x.numel() for x in given)
    grids = [
        expand(reshape(x, [-1 if i == axis else 1 for i in range(len(given))]), shape)
        for axis, x in enumerate(given)
    ]
    if indexing == "xy" and len(given) > 1:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Any:
    """All rows of one element from each vector; of a single vector, itself.

    Raises:
        TypeError: different dtypes.
        ValueError: not vectors.

    >>> import lucid
    >>> lucid.cartesian_prod(lucid.tensor([1, 2]), lucid.tensor([3])).tolist()
    [[1, 3], [2, 3]]
    """
    given = _vectors("cartesian_prod", tensors)
    if any(x.ndim != 1 for x in given):
        raise ValueError(f"cartesian_prod expects vectors, got {[x.shape for x in given]}")
    if len(given) == 1:
        return given[0]
    return stack([flatten(grid) for grid in meshgrid(*given)], dim=1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of `r` elements of a vector, as rows: (n,) -> (choices, r).

    Raises:
        ValueError: not a vector, or r below 0.

    >>> import lucid
    >>> lucid.combinations(lucid.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if input.ndim != 1 or r < 0:
        raise ValueError(f"combinations expects a vector and r >= 0, got {input.shape} and r={r}")
    choose: Callable = (
        itertools.combinations_with_replacement if with_replacement else itertools.combinations
    )
    if r == 0:
        return input[:0]
    n = input.numel()
    check_size("combinations", (math.comb(n + r - 1 if with_replacement else n, r), r), mx.int64)
    places = np.array(list(choose(range(n), r)), np.int64)
    return reshape(index_select(input, 0, places.reshape(-1)), -1, r)


def _several(name: str, tensors: Any) -> list[Any]:
    if not isinstance(tensors, tuple | list) or not tensors:
        got = f"{len(tensors)} of them" if isinstance(tensors, tuple | list) else type(tensors)
        raise TypeError(f"{name} expects a list or tuple of one or more Tensors, got {got}")
    for x in tensors:
        if not isinstance(x, Traced | mx.array | np.ndarray):
            raise TypeError(f"{name} expects Tensors, got {type(x).__name__}: {x!r:.60}")
    return list(tensors)


def _vectors(name: str, tensors: Any) -> list[Any]:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    given = _several(name, list(given))
    if any(x.ndim > 1 for x in given):
        raise ValueError(f"{name} expects vectors, got shapes {[x.shape for x in given]}")
    if len({x.dtype for x in given}) > 1:
        raise TypeError(f"{name} expects one dtype, got {[str(x.dtype) for x in given]}")
    return given


def _side_by_side(*tensors, dim):
    """Along another dimension than the samples."""
    x = tensors[0]
    if x.ndim == 0 or dim % x.ndim == 0 or len({a.shape[0] for a in tensors}) > 1:
        return None
    return Which([True] * len(tensors)) if any(map(_shards.pays, tensors)) else None


@op(linear=True, samples=_side_by_side)
def _cat(*tensors, dim):
    (axis,) = axes_of(tensors[0].ndim, dim)
    ends, position = [], 0
    for x in tensors:
        position += x.shape[axis] if x.ndim > axis else 0
        ends.append(position)
    return mx.concatenate(tensors, axis=axis), lambda g: tuple(mx.split(g, ends[:-1], axis=axis))


def _in_a_new_dim(*tensors, dim):
    """Another one than the first; samples of one shape, as those of a shard may be alone."""
    x = tensors[0]
    if dim in (0, -1 - x.ndim) or any(a.shape != x.shape for a in tensors):
        return None
    return alike(*tensors)


@op(linear=True, samples=_in_a_new_dim)
def _stack(*tensors, dim):
    (axis,) = axes_of(tensors[0].ndim + 1, dim)
    count = len(tensors)
    return mx.stack(tensors, axis=axis), (
        lambda g: tuple(p.squeeze(axis) for p in mx.split(g, count, axis=axis))
    )
