"""Transposed 1-D convolution in plain mx operations: polyphase, one matmul for all phases.

Shapes: x (N, C_in, L), w (C_in, C_out/groups, K), y (N, C_out, length). Tap k of input i lands on
y[i*stride + k*dilation - left]. No zeros are inserted into x: only ceil(K/stride) taps reach an
output, and the outputs with equal position modulo the stride form one stride-1 convolution.
"""

from functools import reduce
from math import gcd
from operator import add

import mlx.core as mx

from lucid.kernels.conv1d import unfold, window


def phases(w: mx.array, stride: int, dilation: int) -> mx.array:
    """Taps on the last axis (..., K) sorted by phase: (..., P, M), reversed along M.

    Tap k adds to positions congruent to k*dilation modulo the stride, so k and k + P meet in one
    phase with P = stride / gcd(stride, dilation); phase p holds the taps p, p + P, p + 2P, ...
    """
    K = w.shape[-1]
    P = min(stride // gcd(stride, dilation), K)
    M = -(-K // P)
    w = window(w, 0, M * P).reshape(*w.shape[:-1], M, P)
    return w.swapaxes(-1, -2)[..., ::-1]


def interleave(
    z: mx.array, first: int, *, length: int, stride: int, left: int, dilation: int
) -> mx.array:
    """y[..., t]: phase p of z (..., P, Q) lands on y[(q + first)*stride + p*dilation - left]."""
    P, Q = z.shape[-2:]
    start = left - first * stride
    if dilation == 1:  # the phases are neighbours
        if stride > P:
            z = mx.pad(z, [(0, 0)] * (z.ndim - 2) + [(0, stride - P), (0, 0)])
    else:
        # Row r holds the phase whose p*dilation is congruent to r, moved by the whole strides.
        rows = [mx.zeros((*z.shape[:-2], 1), z.dtype)] * stride
        Q += (P - 1) * dilation // stride
        for p in range(P):
            late, r = divmod(p * dilation, stride)
            rows[r] = window(z[..., p, :], -late, Q)
        rows = [mx.broadcast_to(row, (*row.shape[:-1], Q)) for row in rows]
        z = mx.stack(rows, axis=-2)
    y = z.swapaxes(-1, -2).reshape(*z.shape[:-2], Q * stride)
    return window(y, start, length)


def reach(L: int, K: int, *, length: int, stride: int, left: int, dilation: int) -> tuple[int, int]:
    """The phase samples that y needs: the first q and how many."""
    P = min(stride // gcd(stride, dilation), K)
    step = dilation // gcd(stride, dilation)
    first = max((left - (P - 1) * dilation) // stride, 0)
    stop = min(-(-(left + length) // stride), L + (-(-K // P) - 1) * step)
    return first, max(stop - first, 0)


def forward(
    x: mx.array, w: mx.array, *, length: int, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum of w[c, o, k] x[n, c, i] where i*stride + k*dilation = t + left."""
    N, C, L = x.shape
    _, Og, K = w.shape
    Cg = C // groups
    place = {"length": length, "stride": stride, "left": left, "dilation": dilation}
    first, count = reach(L, K, **place)
    if count == 0:
        return mx.zeros((N, groups * Og, length), x.dtype)
    step = dilation // gcd(stride, dilation)
    wp = phases(w.reshape(groups, Cg, Og, K), stride, dilation)
    P, M = wp.shape[-2:]
    # z[p, q] = sum over m of w[p, m] x[q + (m - M + 1)*step]: the taps come reversed.
    left = (M - 1) * step - first
    if K * Og < M * Cg:
        # Fewer products than inputs: multiply first, then add the M shifted rows.
        x = window(x, -left, count + (M - 1) * step).reshape(N, groups, Cg, -1)
        wp = wp.transpose(0, 4, 2, 3, 1).reshape(groups, M * Og * P, Cg)
        z = (wp @ x).reshape(N, groups, M, Og, P, -1)
        z = _sum(*(z[:, :, m, ..., m * step : m * step + count] for m in range(M)))
    else:
        u = unfold(x, M, count, stride=1, left=left, dilation=step)
        wp = wp.transpose(0, 2, 3, 1, 4).reshape(groups, Og * P, Cg * M)
        z = wp @ u.reshape(N, groups, Cg * M, count)
    z = z.reshape(N, groups * Og, P, count)
    return interleave(z, first, **place)


@mx.compile
def _sum(*terms: mx.array) -> mx.array:
    return reduce(add, terms)
