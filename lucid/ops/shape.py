"""Shape: reshaping, moving and repeating dimensions."""

from __future__ import annotations

import operator
from typing import Any

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.reduce import axes_of


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one tuple: f(2, 3) and f((2, 3)) mean the same."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = tuple(args[0])
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in args):
        raise TypeError(f"sizes must be ints, got {args!r}")
    return tuple(operator.index(n) for n in args)


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


swapaxes = transpose


def movedim(x, source, destination):
    """Dimensions moved from `source` to `destination` (ints or tuples), the rest in order.

    >>> import lucid
    >>> lucid.ones(2, 3, 4).movedim(0, -1).shape
    (3, 4, 2)
    """
    old, new = axes_of(x.ndim, source), axes_of(x.ndim, destination)
    if len(old) != len(new):
        raise ValueError(
            f"movedim expects as many sources as destinations, got {source} and {destination}"
        )
    rest = iter([a for a in range(x.ndim) if a not in old])
    moved = dict(zip(new, old, strict=True))
    return permute(x, [moved[a] if a in moved else next(rest) for a in range(x.ndim)])


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


def tile(x, *reps):
    """x repeated as a whole, `reps` times along each of its last dimensions.

    >>> import lucid
    >>> lucid.arange(2).tile(2, 2).tolist()
    [[0, 1, 0, 1], [0, 1, 0, 1]]
    """
    counts = sizes(reps)
    if min(counts, default=0) < 0:
        raise ValueError(f"cannot repeat a negative number of times: {counts}")
    ndim = max(len(counts), x.ndim)
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    apart = reshape(x, [n for size in shape for n in (1, size)])
    spread = expand(apart, [n for pair in zip(counts, shape, strict=True) for n in pair])
    return reshape(spread, [c * n for c, n in zip(counts, shape, strict=True)])


def repeat(x, *counts):
    """As `tile`, with a count for every dimension."""
    if len(sizes(counts)) < x.ndim:
        raise ValueError(
            f"repeat expects a count for each of the {x.ndim} dimensions, got {sizes(counts)}"
        )
    return tile(x, *counts)


def repeat_interleave(x, repeats, dim=None):
    """Each element repeated in place, `repeats` times along `dim` (None: flattened).

    >>> import lucid
    >>> lucid.arange(2).repeat_interleave(2).tolist()
    [0, 0, 1, 1]
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 0:
        raise ValueError(f"repeat_interleave expects a number of times >= 0, got {repeats!r}")
    if dim is None:
        x, dim = flatten(x), 0
    (axis,) = axes_of(x.ndim, dim)
    shape = x.shape
    apart = expand(unsqueeze(x, axis + 1), (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    return reshape(apart, (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


@op(linear=True)
def tril(x, /, diagonal=0):
    """The part of the matrices on and below a diagonal; zeros above."""
    return mx.tril(x, diagonal), lambda g: mx.tril(g, diagonal)


@op(linear=True)
def triu(x, /, diagonal=0):
    """The part of the matrices on and above a diagonal; zeros below."""
    return mx.triu(x, diagonal), lambda g: mx.triu(g, diagonal)


def view_as(x, other):
    """x in the shape of `other`."""
    return reshape(x, other.shape)


def expand_as(x, other):
    """x expanded to the shape of `other`."""
    return expand(x, other.shape)
