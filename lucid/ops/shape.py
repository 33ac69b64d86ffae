"""Shape: reshaping, moving dimensions, joining, splitting, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.reduce import axes_of


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one tuple: f(2, 3) and f((2, 3)) mean the same."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = tuple(args[0])
    for n in args:
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"sizes must be ints, got {args!r}")
    return tuple(args)


@op(linear=True)
def reshape(x, /, *shape):
    """The same elements in another shape; one size may be -1 (found from the others).

    >>> import lucid
    >>> lucid.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    before = x.shape
    return mx.reshape(x, sizes(shape)), lambda g: g.reshape(before)


@op(linear=True)
def flatten(x, /, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim joined into one."""
    before = x.shape
    if x.ndim == 0:
        return x.reshape(1), lambda g: g.reshape(before)
    (start,), (end,) = axes_of(x.ndim, start_dim), axes_of(x.ndim, end_dim)
    if start > end:
        raise ValueError(f"start_dim {start_dim} comes after end_dim {end_dim}")
    return mx.flatten(x, start, end), lambda g: g.reshape(before)


@op(linear=True)
def permute(x, /, *dims):
    """The dimensions in another order."""
    order = axes_of(x.ndim, sizes(dims))
    if len(order) != x.ndim:
        raise ValueError(f"permute needs all {x.ndim} dimensions, got {sizes(dims)}")
    back = tuple(order.index(i) for i in range(x.ndim))
    return mx.transpose(x, order), lambda g: mx.transpose(g, back)


@op(linear=True)
def transpose(x, /, dim0, dim1):
    """Two dimensions exchanged."""
    if x.ndim == 0:
        return x, lambda g: g
    (a,), (b,) = axes_of(x.ndim, dim0), axes_of(x.ndim, dim1)
    return mx.swapaxes(x, a, b), lambda g: mx.swapaxes(g, a, b)


@op(linear=True)
def unsqueeze(x, /, dim):
    """A dimension of size 1 inserted at `dim`."""
    before = x.shape
    (axis,) = axes_of(x.ndim + 1, dim)
    return mx.expand_dims(x, axis), lambda g: g.reshape(before)


@op(linear=True)
def squeeze(x, /, dim=None):
    """Dimensions of size 1 removed: all of them, or those in `dim`."""
    before = x.shape
    axes = [a for a in axes_of(x.ndim, dim) if before[a] == 1]
    return x.reshape([n for i, n in enumerate(before) if i not in axes]), (
        lambda g: g.reshape(before)
    )


@op(linear=True)
def expand(x, /, *shape):
    """Dimensions of size 1 repeated, without copying; -1 keeps a size."""
    target, before = sizes(shape), x.shape
    offset = len(target) - len(before)
    if offset < 0:
        raise ValueError(f"expand cannot drop dimensions: from {before} to {target}")
    target = tuple(
        before[i - offset] if n == -1 and i >= offset else n for i, n in enumerate(target)
    )
    from_axes = tuple(range(offset))
    repeated = tuple(i + offset for i, n in enumerate(before) if n == 1 != target[i + offset])

    def rule(g):
        if g.size == 0:
            return mx.zeros(before, g.dtype)
        return g.sum(axis=from_axes + repeated).reshape(before) if from_axes + repeated else g

    return mx.broadcast_to(x, target), rule


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


@op(linear=True)
def flip(x, /, *dims):
    """The order reversed along the given dimensions."""
    axes = axes_of(x.ndim, sizes(dims))
    index = tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))
    return x[index], lambda g: g[index]


@op(linear=True)
def roll(x, /, shifts, dims=None):
    """Elements moved along `dims`, those pushed out at the end coming back at the start."""
    back = tuple(-s for s in shifts) if isinstance(shifts, tuple | list) else -shifts
    return mx.roll(x, shifts, dims), lambda g: mx.roll(g, back, dims)
