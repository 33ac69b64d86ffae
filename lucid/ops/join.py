"""Joining tensors, and taking one apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops.op import op
from lucid.ops.reduce import axes_of


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along `dim`; their other sizes agree.

    >>> import lucid
    >>> lucid.cat([lucid.ones(2, 3), lucid.zeros(2, 1)], dim=1).shape
    (2, 4)
    """
    return _cat(*_several("cat", tensors), dim=dim)


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension.

    >>> import lucid
    >>> lucid.stack([lucid.ones(3), lucid.zeros(3)]).shape
    (2, 3)
    """
    return _stack(*_several("stack", tensors), dim=dim)


def _several(name: str, tensors: Any) -> list[Any]:
    if not isinstance(tensors, tuple | list) or not tensors:
        got = f"{len(tensors)} of them" if isinstance(tensors, tuple | list) else type(tensors)
        raise TypeError(f"{name} expects a list or tuple of one or more Tensors, got {got}")
    for t in tensors:
        if not isinstance(t, Traced | mx.array | np.ndarray):
            raise TypeError(f"{name} expects Tensors, got {type(t).__name__}: {t!r:.60}")
    return list(tensors)


@op(linear=True)
def _cat(*tensors, dim):
    (axis,) = axes_of(tensors[0].ndim, dim)
    ends, position = [], 0
    for x in tensors:
        position += x.shape[axis]
        ends.append(position)
    return mx.concatenate(tensors, axis=axis), lambda g: tuple(mx.split(g, ends[:-1], axis=axis))


@op(linear=True)
def _stack(*tensors, dim):
    (axis,) = axes_of(tensors[0].ndim + 1, dim)
    count = len(tensors)
    return mx.stack(tensors, axis=axis), (
        lambda g: tuple(p.squeeze(axis) for p in mx.split(g, count, axis=axis))
    )


def split(x: Any, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
    """x cut along `dim` into parts of one size (the last may be smaller) or of given sizes.

    Raises:
        ValueError: sizes that do not add up to the size of `dim`.

    >>> import lucid
    >>> [part.tolist() for part in lucid.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    axis = _axis(x, dim)
    n = x.shape[axis]
    if isinstance(split_size, tuple | list):
        parts = list(split_size)
        if sum(parts) != n or min(parts, default=0) < 0:
            raise ValueError(
                f"split expects sizes that add up to {n}, the size of dim {dim}, got {parts}"
            )
    elif split_size <= 0:
        raise ValueError(f"split expects a positive size, got {split_size}")
    else:
        parts = [min(split_size, n - start) for start in range(0, n, split_size)] or [0]
    return _split(x, sizes=parts, axis=axis)


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """x cut along `dim` into at most `chunks` parts of equal size (the last may be smaller)."""
    if chunks <= 0:
        raise ValueError(f"chunk expects a positive number of parts, got {chunks}")
    axis = _axis(x, dim)
    return split(x, max(1, -(-x.shape[axis] // chunks)), axis)


def unbind(x: Any, dim: int = 0) -> tuple[Any, ...]:
    """The slices of x along `dim`, without that dimension."""
    axis = _axis(x, dim)
    return _unbind(x, axis=axis) if x.shape[axis] else ()


def _axis(x: Any, dim: int) -> int:
    if x.ndim == 0:
        raise ValueError("a 0-dimensional tensor cannot be taken apart")
    return axes_of(x.ndim, dim)[0]


@op(linear=True)
def _split(x, /, *, sizes, axis):
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return mx.split(x, ends, axis=axis), lambda *gs: mx.concatenate(gs, axis=axis)


@op(linear=True)
def _unbind(x, /, *, axis):
    parts = mx.split(x, x.shape[axis], axis=axis)
    return [p.squeeze(axis) for p in parts], lambda *gs: mx.stack(gs, axis=axis)
