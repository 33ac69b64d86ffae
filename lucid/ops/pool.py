"""Pooling along the last dimension. Windows are K strided slices, never `as_strided`."""

from __future__ import annotations

import mlx.core as mx

from lucid.kernels.memory import check_size
from lucid.ops.join import stack
from lucid.ops.linalg import matmul
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.reduce import amax, mean
from lucid.ops.shape import reshape


def output_length(L: int, K: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows fit; with `ceil_mode` the last may hang over the end, but starts inside."""
    room = L + 2 * p - d * (K - 1) - 1
    if not ceil_mode:
        return room // s + 1
    count = -(-room // s) + 1
    return count - 1 if (count - 1) * s >= L + p else count


def _slices(x: mx.array, K: int, s: int, d: int, count: int) -> list[mx.array]:
    """The k-th element of every window, for each k."""
    return [x[..., k * d : k * d + s * (count - 1) + 1 : s] for k in range(K)]


def _padded(x: mx.array, K: int, s: int, p: int, d: int, count: int, value: float) -> mx.array:
    """`count` windows fit exactly into the result, unless it is longer."""
    missing = max(0, s * (count - 1) + d * (K - 1) + 1 - x.shape[-1] - p)
    if not p and not missing:
        return x
    return mx.pad(x, [(0, 0)] * (x.ndim - 1) + [(p, missing)], constant_values=value)


def _unsliced(parts: list[mx.array], L: int, s: int, p: int, d: int) -> mx.array:
    """The transpose of pad and slice: every part added where its slice came from.

    Positions that agree modulo the stride form a phase; a phase is a sum of shifted parts, and
    the phases interleaved are the result.
    """
    count = parts[0].shape[-1]
    lead = [(0, 0)] * (parts[0].ndim - 1)
    length = count + d * (len(parts) - 1) // s
    phases = [mx.zeros((*parts[0].shape[:-1], length), parts[0].dtype)] * s
    used = set()
    for k, part in enumerate(parts):
        shift, phase = divmod(k * d, s)
        part = mx.pad(part, [*lead, (shift, length - count - shift)])
        phases[phase] = phases[phase] + part if phase in used else part
        used.add(phase)
    joined = mx.stack(phases, axis=-1).reshape(*parts[0].shape[:-1], length * s)
    missing = max(0, p + L - length * s)
    return mx.pad(joined, [*lead, (0, missing)])[..., p : p + L]


@op
def max_pool(x, /, *, K, s, p, d, count):
    """The largest element of each window; the gradient goes to the first of several."""
    padded = _padded(x, K, s, p, d, count, -float("inf"))
    slices = _slices(padded, K, s, d, count)
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


@op(linear=True)
def sum_pool(x, /, *, K, s, p, count):
    """The sum of each window."""
    padded = _padded(x, K, s, p, 1, count, 0.0)
    slices = _slices(padded, K, s, 1, count)
    y = slices[0]
    for part in slices[1:]:
        y = y + part
    L = x.shape[-1]
    return y, lambda g: _unsliced([g] * K, L, s, p, 1)


def mean_pool(x, /, *, K, s, p, count, count_include_pad):
    """The mean of each window; padding counts as zeros, or not at all."""
    L = x.shape[-1]
    sums = sum_pool(x, K=K, s=s, p=p, count=count)
    sizes = []
    for t in range(count):
        start = t * s - p
        end = min(start + K, L + p)
        sizes.append(end - start if count_include_pad else min(end, L) - max(start, 0))
    if set(sizes) == {K}:
        return mul(sums, 1 / K)
    return mul(sums, mx.array([1 / n for n in sizes], x.dtype))


def adaptive_bounds(L: int, count: int) -> list[tuple[int, int]]:
    """`count` windows that cover a length L, as torch places them."""
    return [(i * L // count, -(-(i + 1) * L // count)) for i in range(count)]


def adaptive_mean(x, /, *, count):
    """The mean of `count` windows of nearly equal size."""
    L = x.shape[-1]
    check_size("adaptive_avg_pool1d", (L, count), x.dtype)
    if L % count == 0:
        return mean(reshape(x, *x.shape[:-1], count, L // count), -1)
    bounds = adaptive_bounds(L, count)
    positions = mx.arange(L)[:, None]
    starts = mx.array([a for a, _ in bounds])
    ends = mx.array([b for _, b in bounds])
    inside = mx.logical_and(positions >= starts, positions < ends)
    return matmul(x, inside.astype(x.dtype) / (ends - starts).astype(x.dtype))


def adaptive_largest(x, /, *, count):
    """The largest element of `count` windows of nearly equal size."""
    L = x.shape[-1]
    check_size("adaptive_max_pool1d", (L, count), x.dtype)
    if L % count == 0:
        size = L // count
        return max_pool(x, K=size, s=size, p=0, d=1, count=count)
    windows = [x[..., a:b] for a, b in adaptive_bounds(L, count)]
    return stack([amax(w, -1) for w in windows], -1)
