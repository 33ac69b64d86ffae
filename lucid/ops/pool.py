"""Pooling along the last dimension. Windows are K strided slices, never `as_strided`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.kernels.memory import check_size
from lucid.ops.frame import add_strided
from lucid.ops.gather import pick_along
from lucid.ops.linalg.product import matmul
from lucid.ops.op import op
from lucid.ops.reduce import mean
from lucid.ops.samplewise import Which, last
from lucid.ops.shape import reshape


def output_length(L: int, K: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows fit; with `ceil_mode` the last may hang over the end, but starts inside."""
    room = L + 2 * p - d * (K - 1) - 1
    if not ceil_mode:
        return room // s + 1
    count = -(-room // s) + 1
    return count - 1 if (count - 1) * s >= L + p else count


def _slices(x: mx.array, K: int, s: int, p: int, d: int, count: int, fill: Any) -> list[mx.array]:
    """The k-th element of every window, for each k, out of x padded with `fill`."""
    missing = max(0, s * (count - 1) + d * (K - 1) + 1 - x.shape[-1] - p)
    if p or missing:
        x = mx.pad(x, [(0, 0)] * (x.ndim - 1) + [(p, missing)], constant_values=fill)
    return [x[..., k * d : k * d + s * (count - 1) + 1 : s] for k in range(K)]


def _unsliced(parts: list[mx.array], L: int, s: int, p: int, d: int) -> mx.array:
    """The transpose of pad and slice: every part added where its slice came from."""
    reach = s * (parts[0].shape[-1] - 1) + d * (len(parts) - 1) + 1
    return add_strided(parts, parts[0].ndim - 1, max(reach, p + L), s, d)[..., p : p + L]


# Largest -----------------------------------------------------------------------------------------


def _lowest(dtype: mx.Dtype) -> mx.array:
    floating = mx.issubdtype(dtype, mx.floating)
    return mx.array(-float("inf") if floating else mx.iinfo(dtype).min, dtype)


@op(samples=last)
def max_pool(x, /, *, K, s, p, d, count):
    """The largest element of each window; the gradient goes to the first of several."""
    slices = _slices(x, K, s, p, d, count, _lowest(x.dtype))
    y = slices[0]
    for part in slices[1:]:
        y = mx.maximum(y, part)

    def rule(g):
        parts, free = [], mx.array(True)  # free: no earlier element of the window was the largest
        for part in slices:
            hit = part == y
            parts.append(g * mx.logical_and(hit, free))
            free = mx.logical_and(free, mx.logical_not(hit))
        return _unsliced(parts, x.shape[-1], s, p, d)

    return y, rule


def largest_at(x: mx.array, *, K: int, s: int, p: int, d: int, count: int) -> mx.array:
    """Where in x the largest element of each window lies: the first of several, or a NaN."""
    slices = _slices(x, K, s, p, d, count, _lowest(x.dtype))
    starts = mx.arange(count) * s - p
    taps = mx.maximum((d - 1 - starts) // d, 0)  # before x begins
    best, at = slices[0], mx.broadcast_to(taps, slices[0].shape)
    for k, part in enumerate(slices[1:], 1):
        better = mx.logical_or(part > best, part != part)
        best, at = mx.where(better, part, best), mx.where(better, k, at)
    return starts + d * at


# Sums and means ----------------------------------------------------------------------------------


@op(linear=True, samples=last)
def sum_pool(x, /, *, K, s, p, count):
    """The sum of each window."""
    slices = _slices(x, K, s, p, 1, count, mx.array(0, x.dtype))
    y = slices[0]
    for part in slices[1:]:
        y = y + part
    L = x.shape[-1]
    return y, lambda g: _unsliced([g] * K, L, s, p, 1)


def window_sizes(L: int, *, K: int, s: int, p: int, count: int, with_padding: bool) -> list[int]:
    """How many elements each window holds, with or without those of the padding."""
    ends = [min(t * s - p + K, L + p) for t in range(count)]
    return [
        end - t * s + p if with_padding else min(end, L) - max(t * s - p, 0)
        for t, end in enumerate(ends)
    ]


# Adaptive ----------------------------------------------------------------------------------------


def adaptive_bounds(L: int, count: int) -> list[tuple[int, int]]:
    """`count` windows that cover a length L, as torch places them."""
    return [(i * L // count, -(-(i + 1) * L // count)) for i in range(count)]


def adaptive_mean(x, *, count):
    """The mean of `count` windows of nearly equal size."""
    L = x.shape[-1]
    check_size("adaptive_avg_pool", (L, count), x.dtype)
    if L % count == 0:
        return mean(reshape(x, *x.shape[:-1], count, L // count), -1)
    positions = mx.arange(L)[:, None]
    starts, ends = map(mx.array, zip(*adaptive_bounds(L, count), strict=True))
    inside = mx.logical_and(positions >= starts, positions < ends)
    return matmul(x, inside.astype(x.dtype) / (ends - starts).astype(x.dtype))


def adaptive_largest_at(x: mx.array, *, count: int) -> mx.array:
    """Where in x the largest element of each of `count` windows of nearly equal size lies."""
    L = x.shape[-1]
    check_size("adaptive_max_pool", (*x.shape[:-1], L + count), x.dtype)
    bounds = adaptive_bounds(L, count)
    starts = mx.array([a for a, _ in bounds])
    if L % count == 0:
        return starts + mx.argmax(x.reshape(*x.shape[:-1], count, L // count), axis=-1)
    most = max(b - a for a, b in bounds)  # shorter windows repeat their last element
    index = mx.minimum(starts[:, None] + mx.arange(most), mx.array([[b - 1] for _, b in bounds]))
    return starts + mx.argmax(x[..., index], axis=-1)


# Unpooling ---------------------------------------------------------------------------------------


def _with_index(x, /, *, index, size):
    return Which([True], ["index"]) if last(x) else None


@op(linear=True, samples=_with_index)
def unpool(x, /, *, index, size):
    """Zeros of length `size` with x at the places of `index`."""
    y = mx.put_along_axis(mx.zeros((*x.shape[:-1], size), x.dtype), index, x, axis=-1)
    return y, lambda g: mx.take_along_axis(g, index, axis=-1)


def take_last(x, index):
    """x at `index` along its last dimension."""
    return pick_along(x, x._wrap(index, x._device), x.ndim - 1)
