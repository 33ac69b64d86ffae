"""Dense and grouped 1-D convolution: in plain mx operations one matmul over unfolded windows, on a
Metal GPU the shaders of `metal/conv1d.metal`.

Shapes: x (N, C_in, L), w (C_out, C_in/groups, K), y (N, C_out, length). A setting shared by every
function of this package: `left`, the position in x of the first tap, negated. Position t of y meets
x[t*stride + k*dilation - left]; whatever lies outside x counts as zero.
"""

from functools import partial
from math import gcd

import mlx.core as mx

from lucid.kernels import direct, implicit_matmul
from lucid.kernels.halves import halved
from lucid.kernels.memory import check_size
from lucid.kernels.metal import Kernel

# Positions of a sample below which one matmul of all samples beats one of each, though the result
# is then copied: 512 -> 256 K16 s8, transposed, on (16, 512, 75) 22 ms against 42.
SHORT = 512
# Elements below which mx.pad, one primitive, is as quick as a concatenate with zeros, five: it
# clears the whole result before it copies (22 against 14 ms for 65 MB).
_PADDED = 1 << 16

# Multiply-adds up to which OpenBLAS neither packs the matrices nor divides them between threads.
SMALL = 10**6


def window(x: mx.array, start: int, size: int) -> mx.array:
    """x[..., start : start + size], zero where that reaches outside of x."""
    check_size("a padded signal", (*x.shape[:-1], size), x.dtype)
    low, high = max(start, 0), min(start + size, x.shape[-1])
    if low >= high:
        return mx.zeros((*x.shape[:-1], size), x.dtype)
    before, after = low - start, start + size - high
    kept = x if high - low == x.shape[-1] else x[..., low:high]
    if not before and not after:
        return kept
    if kept.size < _PADDED:
        return mx.pad(kept, [(0, 0)] * (x.ndim - 1) + [(before, after)])
    zeros = [mx.zeros((*x.shape[:-1], n), x.dtype) if n else None for n in (before, after)]
    return mx.concatenate([a for a in (zeros[0], kept, zeros[1]) if a is not None], axis=-1)


def unfold(
    x: mx.array,
    kernel_size: int,
    length: int,
    *,
    stride: int,
    left: int,
    dilation: int,
    order: tuple[int, ...] | None = None,
) -> mx.array:
    """u[..., k, t] = x[..., t*stride + k*dilation - left], its axes then in the given order.

    The windows that lie inside x are read from x itself, and only the few at its ends from a
    padded copy: half the traffic of padding all of x first.
    """
    L, reach = x.shape[-1], (kernel_size - 1) * dilation + 1
    order = order or tuple(range(x.ndim + 1))
    if (kernel_size, length, stride, left) == (1, L, 1, 0):
        return mx.expand_dims(x, -2).transpose(order)  # as_strided fails from 2^31 elements on
    check_size("an unfolded signal", (*x.shape[:-1], kernel_size, length), x.dtype)
    first = min(max(-(-left // stride), 0), length)
    stop = max(min((L + left - reach) // stride + 1, length), first)
    if x.size < _PADDED or 4 * (stop - first) < 3 * length:  # much of it ends: pad all of x
        first = stop = 0
    parts = []
    for t, n in ((0, first), (first, stop - first), (stop, length - stop)):
        if n > 0:
            start, size = t * stride - left, (n - 1) * stride + reach
            inside = start >= 0 and start + size <= L
            part = mx.contiguous(x) if inside else window(x, start, size)
            strides = [1] * x.ndim
            for axis in reversed(range(x.ndim - 1)):
                strides[axis] = strides[axis + 1] * part.shape[axis + 1]
            shape, strides = (*x.shape[:-1], kernel_size, n), [*strides[:-1], dilation, stride]
            # In range by construction; as_strided itself checks nothing.
            view = mx.as_strided(
                part, [shape[i] for i in order], [strides[i] for i in order], start if inside else 0
            )
            parts.append(view)
    return mx.concatenate(parts, axis=order.index(x.ndim)) if len(parts) > 1 else parts[0]


def unfolded(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c, k of w[o, c, k] x[n, c, t*stride + k*dilation - left]."""
    N, (C_out, Cg, K) = x.shape[0], w.shape
    w = w.reshape(groups, C_out // groups, Cg * K)
    short = length < SHORT and N > 1
    order = (1, 2, 0, 3) if short else (0, 1, 2, 3)
    u = unfold(x, K, length, stride=stride, left=left, dilation=dilation, order=order)
    if short:
        y = w @ u.reshape(groups, Cg * K, N * length)
        return y.reshape(C_out, N, length).swapaxes(0, 1)
    return (w @ u.reshape(N, groups, Cg * K, length)).reshape(N, C_out, length)


def shifted(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same with no copy per tap: K matmuls that add up in place.

    All samples lie in one row, apart by as many zeros as the taps reach past an end of one. What
    the matmuls put into the gaps is cut off. With a stride the phases of x become channels.
    """
    if stride > 1:
        assert dilation == 1, f"shifted: stride or dilation must be 1, got {stride} and {dilation}"
        w = taps_by_phase(w, stride)
        x = phases_as_channels(x, w.shape[2], length, stride, left)
        return shifted(x, w, length, stride=1, left=0, dilation=1, groups=groups)
    (N, _, L), (C_out, Cg, K) = x.shape, w.shape
    tail = (K - 1) * dilation
    gap = max(left, length + tail - left - L, length - L, 0)
    row, first = L + gap, gap - left  # the first tap of y[0], behind the gap before x[0]
    x = window(x.swapaxes(0, 1), -gap, row).reshape(-1)
    x = mx.concatenate([x, mx.zeros(first + tail, x.dtype)])
    w = w.reshape(groups, C_out // groups, Cg, K)
    shape, steps = (groups, Cg, N * row), (Cg * N * row, N * row, 1)
    y = w[..., 0] @ mx.as_strided(x, shape, steps, first)
    for k in range(1, K):
        y = mx.addmm(y, w[..., k], mx.as_strided(x, shape, steps, first + k * dilation))
    return y.reshape(C_out, N, row)[..., :length].swapaxes(0, 1)


@partial(halved, times=4)  # (4, 8, 8192) among others: 1.4 ms, in halves 1.5
def by_taps(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same of few channels for stride 1: like `shifted`, but a sample at a time and, where that
    is still too much, some of its output channels, so that each matmul is small."""
    assert stride == 1, f"by_taps: stride must be 1, got {stride}"
    (N, C, L), (C_out, Cg, K) = x.shape, w.shape
    Og, row = C_out // groups, length + (K - 1) * dilation
    check_size("a padded signal", (N, C + 1, row), x.dtype)
    low, high = min(max(-left, 0), L), max(min(row - left, L), 0)
    # One more channel, for the last taps read past the end of the others.
    sides = (low + left, row - left - high) if low < high else (row, 0)
    x = mx.pad(x[..., low:high], [(0, 0), (0, 1), sides])
    shape, steps = (N, groups, 1, Cg, row), ((C + 1) * row, Cg * row, 0, row, 1)
    parts = next((n for n in range(1, Og) if Og % n == 0 and Og // n * Cg * row <= SMALL), Og)
    w = mx.contiguous(w.transpose(2, 0, 1)).reshape(K, groups, parts, Og // parts, Cg)
    y = w[0] @ mx.as_strided(x, shape, steps)
    for k in range(1, K):
        y = mx.addmm(y, w[k], mx.as_strided(x, shape, steps, k * dilation))
    return y.reshape(N, C_out, row)[..., :length]


def phases_as_channels(x: mx.array, M: int, length: int, stride: int, left: int) -> mx.array:
    """(N, C*stride, n): what `length` windows of M strides read, each phase a channel."""
    x = unfold(x, stride, length + M - 1, stride=stride, left=left, dilation=1)
    return x.flatten(1, 2)


def taps_by_phase(w: mx.array, stride: int) -> mx.array:
    """The weight beside those phases: (C_out, Cg*stride, M)."""
    M = -(-w.shape[2] // stride)
    w = mx.unflatten(window(w, 0, M * stride), 2, (M, stride))
    return w.swapaxes(2, 3).flatten(1, 2)


def mlx(
    x: mx.array,
    w: mx.array,
    length: int,
    *,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
    bias: mx.array | None = None,
) -> mx.array:
    """The same by MLX's own kernels, plus a bias (C_out,), with the transposes that they need."""
    L, K = x.shape[2], w.shape[2]
    right = (length - 1) * stride + (K - 1) * dilation + 1 - left - L
    if not left == right >= 0:  # what MLX takes for padding
        x, left = window(x, -left, L + left + right), 0
    y = mx.conv_general(
        x.swapaxes(1, 2),
        w.swapaxes(1, 2),
        stride=stride,
        padding=left,
        kernel_dilation=dilation,
        groups=groups,
    ).swapaxes(1, 2)
    return y if bias is None else y + bias[:, None]


# Shaders: y as above, plus a bias (C_out,) ------------------------------------------------------

MATMUL = Kernel("conv1d", "conv1d_matmul")
DIRECT = Kernel("conv1d", "conv1d_direct")


def shader_matmul(
    x: mx.array,
    w: mx.array,
    length: int,
    *,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
    bias: mx.array | None = None,
) -> mx.array:
    """For many channels: a tiled matrix product."""
    C_out, Cg, K = w.shape
    Og = C_out // groups
    plan = implicit_matmul.ordinary(Cg, Og, K, stride, dilation)
    w = w.reshape(groups, Og, Cg, K)
    place = {"origin": -left, "cut": 0, "positions": length}
    return implicit_matmul.launch(MATMUL, plan, x, w, bias, length, **place)


def shader_direct(
    x: mx.array,
    w: mx.array,
    length: int,
    *,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
    bias: mx.array | None = None,
) -> mx.array:
    """For few channels: a thread sums R outputs of some."""
    (N, _, L), (C_out, Cg, K) = x.shape, w.shape
    common = gcd(stride, dilation)
    step = dilation // common  # outputs so far apart share inputs
    R, width = direct.outputs(stride), min(step, length)
    return direct.launch(
        DIRECT,
        x,
        w,
        bias,
        (N, C_out, length),
        Og=C_out // groups,
        threads=-(-length // (R * step)) * width,
        sizes=[Cg, C_out // groups, groups, L, length, left, width],
        template={"K": K, "S": stride, "D": dilation, "R": R, "P": stride // common, "STEP": step},
    )
