"""The rules below all indexing: parts read, put and added, at slices and at index arrays.

Whoever calls them has checked the indices.
"""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.device import on_device
from lucid.ops.op import op
from lucid.ops.samplewise import first, within


def _all_samples(x, /, *, key):
    """Where the key begins with a whole slice, or is one that leaves the first axis alone."""
    start = key[0] if isinstance(key, tuple) and key else key
    kept = isinstance(start, slice) and start == slice(None)
    return first(x) if kept else None


@op(linear=True, samples=_all_samples)
def take_slice(x, /, *, key):
    """x[key] for a key of ints, slices, None and Ellipsis."""
    shape = x.shape

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if g.size:
            zeros[key] = g
        return zeros

    return x[key], rule


@op(linear=True)
def put_slice(x, value, /, *, key):
    """x with x[key] = value."""
    y, shape = mx.array(x), value.shape
    if value.size == 0:
        return y, lambda g: (g, mx.zeros(shape, g.dtype))
    y[key] = value

    def rule(g):
        rest = mx.array(g)
        rest[key] = mx.zeros(shape, g.dtype)
        return rest, g[key]

    return y, rule


@op(linear=True)
def add_slice(x, value, /, *, key):
    """x with x[key] += value."""
    y, shape = mx.array(x), value.shape
    if value.size:
        y[key] = y[key] + value
    return y, lambda g: (g, g[key].reshape(shape))


def _along_axis(x, /, *, index, axis):
    return within(x, axis)


@op(linear=True, samples=_along_axis)
def take(x, /, *, index, axis):
    """The entries of x along `axis` that `index`, of any shape, names."""
    shape = x.shape

    def rule(g):
        g = wide(g)
        return scattered(mx.zeros(shape, g.dtype), g, index, axis, "add")

    if x.size == 0 or index.size == 0:
        return mx.zeros((*shape[:axis], *index.shape, *shape[axis + 1 :]), x.dtype), rule
    return mx.take(x, index, axis=axis), rule


@op(linear=True)
def put(x, value, /, *, index, axis):
    """x with the entries along `axis` that `index` names replaced; the last of several wins."""
    shape = value.shape

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if zeros.size == 0:
            return g, zeros
        return scattered(g, zeros, index, axis, "put"), mx.take(g, index, axis=axis)

    return scattered(x, value, index, axis, "put"), rule


@op(linear=True)
def add_at(x, value, /, *, index, axis):
    """x with `value` added to the entries along `axis` that `index` names."""
    shape = value.shape

    def rule(g):
        return g, mx.take(g, index, axis=axis) if value.size else mx.zeros(shape, g.dtype)

    return scattered(x, value, index, axis, "add"), rule


def wide(g: mx.array) -> mx.array:
    """A gradient in which many may add up: in float32 where it comes in half precision."""
    return g.astype(mx.float32) if g.dtype in (mx.float16, mx.bfloat16) else g


def scattered(x: mx.array, value: mx.array, index: mx.array, axis: int, how: str) -> mx.array:
    """x with `value` combined into the entries at `index` along `axis`.

    Args:
        how: "put", "add", "multiply", "maximum" or "minimum".
    """
    if value.size == 0:
        return x
    if x.dtype.size == 8:  # MLX scatters no 8-byte values on a GPU
        with on_device("cpu"):
            return _scattered(x, value, index, axis, how)
    return _scattered(x, value, index, axis, how)


def _scattered(x: mx.array, value: mx.array, index: mx.array, axis: int, how: str) -> mx.array:
    rows = mx.moveaxis(x, axis, 0)
    places = list(range(axis, axis + index.ndim))
    value = mx.transpose(value, places + [a for a in range(value.ndim) if a not in places])
    if how == "put":
        rows = mx.array(rows)
        rows[index] = value
    else:
        rows = getattr(rows.at[index], how)(value)
    return mx.moveaxis(rows, 0, axis)
