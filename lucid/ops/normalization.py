"""Normalisation: one forward and one hand-written backward for each of the two kinds.

Statistics are two-pass (the mean first, then the mean square of what is left), so a large offset
costs no accuracy. float16 and bfloat16 are computed in float32. The long sums are products with
a vector of ones: a BLAS call, three times faster than MLX's own sum on the CPU.
"""

from __future__ import annotations

import math

import mlx.core as mx

from lucid._device import on_cpu
from lucid._sums import column_sums, row_dots, row_sums, sum_over
from lucid.kernels.halves import by_samples
from lucid.ops.fused import fused
from lucid.ops.op import op


def _wide(x: mx.array) -> mx.array:
    """In float32 at least."""
    return x.astype(mx.float32) if x.dtype in (mx.float16, mx.bfloat16) else x


# Each of these is one pass over the memory.


@fused(only_on_gpu=True)
def _affine_of_rows(x, scale, shift):
    return x * scale + shift


@fused
def _affine(x, weight, bias):
    return x * weight + bias


@fused
def _combined(g, centred, a, b, c):
    return g * a - centred * b - c


@fused
def _centred_and_combined(g, x, mean, a, b, c):
    return g * a - (x - mean) * b - c


@fused
def _scaled(x, r, w):
    return x * r * w


@fused
def _product(g, x, mean, r):
    return g * ((x - mean) * r)


@fused
def _combined_rows(g, w, x, r, b, c):
    return g * w * r - x * b - c


_FEW = 1 << 14


def _pays_by_halves(x, few):
    """Whether sums over two halves at a time are quicker: measured on 2 cores."""
    return on_cpu() and x.shape[0] > 1 and x.size >= (1 << 18 if few else 1 << 20)


@op
def channel_norm(x, weight, bias, /, *, groups, eps):
    """(x - mean) / sqrt(var + eps) * weight + bias, weight and bias per channel.

    Args:
        x: (N, C, ...).
        weight, bias: (C,) or None.
        groups: None takes the mean over all but the channels (batch normalisation); a number
            takes it per sample, over groups of neighbouring channels (group normalisation).

    Returns:
        y of the shape of x, mean and (biased) var: one value for each that was taken.
    """
    n, c = x.shape[:2]
    if x.size == 0:
        still = mx.zeros(c if groups is None else n * groups, _wide(x).dtype)
        return (x, still, still), lambda g, *_: (g, _none_or_zeros(weight), _none_or_zeros(bias))
    G, axis = (1, 0) if groups is None else (groups, 2)
    shape, channels = (n, G, c // G, x.size // (n * c)), (1, G, c // G, 1)
    share = 1 / (shape[axis] * shape[3])
    few = groups is None and c * shape[3] <= _FEW  # statistics that one may repeat
    halves = _pays_by_halves(x, few)

    def average(sums):
        return sum_over(sums, (axis,), keepdims=True) * share

    def spread(*statistics):
        """Repeated along the length, where that is little, for loops that vectorise."""
        row = (1, *shape[1:])
        return [mx.contiguous(mx.broadcast_to(s, row)) for s in statistics] if few else statistics

    rows = _wide(x).reshape(shape)
    mean = average(row_sums(rows))
    centred = rows - mean
    var = average(row_dots(centred, centred))
    r = mx.rsqrt(var + eps)
    scale = r if weight is None else r * weight.astype(r.dtype).reshape(channels)
    if bias is None:
        y = centred * scale
    else:
        y = _affine_of_rows(centred, scale, bias.astype(r.dtype).reshape(channels))

    def rule(g, *_):  # x alone is kept
        g, rows = _wide(g).reshape(shape), _wide(x).reshape(shape)
        centred = rows - mean
        products = by_samples(_products, g, rows, mean) if halves else row_dots(g, centred)
        sums = row_sums(g)
        factors = scale, r * r * average(scale * products), average(scale * sums)
        if halves:
            dx = _centred_and_combined(g, rows, *spread(mean, *factors))
        else:
            dx = _combined(g, centred, *factors)
        dw = None if weight is None else sum_over(products * r, (0,)).reshape(weight.shape)
        db = None if bias is None else sum_over(sums, (0,)).reshape(bias.shape)
        return dx.reshape(x.shape), dw, db

    return (y.reshape(x.shape).astype(x.dtype), mean, var), rule


def _products(g, rows, mean):
    return row_dots(g, rows - mean)


@op
def layer_norm(x, weight, bias, /, *, ndim, eps):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last `ndim` dimensions.

    Args:
        x: (..., *shape), where shape has `ndim` sizes.
        weight, bias: of that shape, or None.
    """
    if x.size == 0:
        return x, lambda g: (g, _none_or_zeros(weight), _none_or_zeros(bias))
    size = math.prod(x.shape[x.ndim - ndim :])
    rows = _wide(x).reshape(-1, size)
    mean = row_sums(rows) * (1 / size)
    centred = rows - mean
    r = mx.rsqrt(row_dots(centred, centred) * (1 / size) + eps)
    w = mx.ones(size, r.dtype) if weight is None else weight.astype(r.dtype).reshape(size)
    y = centred * r
    if bias is not None:
        y = _affine(y, w, bias.astype(r.dtype).reshape(size))
    elif weight is not None:
        y = y * w

    def rule(g):
        g, rows = _wide(g).reshape(-1, size), _wide(x).reshape(-1, size)
        products = _product(g, rows, mean, r)
        dw = None if weight is None else column_sums(products).reshape(weight.shape)
        db = None if bias is None else column_sums(g).reshape(bias.shape)
        along, across = ((a @ w)[:, None] * (r * (1 / size)) for a in (products, g))
        dx = _combined_rows(g, w, rows, r, along * r, across - mean * along * r)
        return dx.reshape(x.shape), dw, db

    return y.reshape(x.shape).astype(x.dtype), rule


@op
def rms_norm(x, weight, /, *, ndim, eps):
    """x / sqrt(mean(x**2) + eps) * weight over the last `ndim` dimensions.

    Args:
        x: (..., *shape), where shape has `ndim` sizes.
        weight: of that shape, or None.
    """
    if x.size == 0:
        return x, lambda g: (g, _none_or_zeros(weight))
    size = math.prod(x.shape[x.ndim - ndim :])
    rows = _wide(x).reshape(-1, size)
    r = mx.rsqrt(row_dots(rows, rows) * (1 / size) + eps)
    w = mx.ones(size, r.dtype) if weight is None else weight.astype(r.dtype).reshape(size)
    y = rows * r if weight is None else _scaled(rows, r, w)

    def rule(g):
        g, rows = _wide(g).reshape(-1, size), _wide(x).reshape(-1, size)
        nothing = mx.zeros((1, 1), r.dtype)
        products = _product(g, rows, nothing, r)
        along = (products @ w)[:, None] * (r * r * (1 / size))
        dx = _combined_rows(g, w, rows, r, along, nothing)
        if weight is None:
            return dx.reshape(x.shape), None
        return dx.reshape(x.shape), column_sums(products).reshape(weight.shape)

    return y.reshape(x.shape).astype(x.dtype), rule


def _none_or_zeros(x: mx.array | None) -> mx.array | None:
    return None if x is None else mx.zeros_like(x)
