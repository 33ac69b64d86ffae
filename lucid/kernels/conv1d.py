"""Dense and grouped 1-D convolution: in plain mx operations one matmul over unfolded windows, on a
Metal GPU the shaders of `metal/conv1d.metal`.

Shapes: x (N, C_in, L), w (C_out, C_in/groups, K), y (N, C_out, length). A setting shared by every
function of this package: `left`, the position in x of the first tap, negated. Position t of y meets
x[t*stride + k*dilation - left]; whatever lies outside x counts as zero.
"""

from collections.abc import Callable
from math import gcd

import mlx.core as mx

from lucid.kernels import direct, implicit_matmul
from lucid.kernels.halves import halved_matmul
from lucid.kernels.memory import check_size
from lucid.kernels.metal import Kernel

# Positions of a sample below which one matmul of all samples beats one of each, though the result
# is then copied: 512 -> 256 K16 s8, transposed, on (16, 512, 75) 22 ms against 42.
SHORT = 512
# Elements below which mx.pad, one primitive, is as quick as a concatenate with zeros, five: it
# clears the whole result before it copies (22 against 14 ms for 65 MB).
_PADDED = 1 << 16

SMALL = 10**6  # multiply-adds up to which OpenBLAS does not pack the matrices
FEW = 4  # parts that a matmul may be divided into to be small


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

    With a stride the windows inside x are read from x itself, and only the few at its ends from a
    padded copy: half the traffic of padding all of x first. Without one, padding and a product,
    which copies rows in half the time of a copy, are quicker: 1.4 against 2.7 ms for 29 MB.
    """
    L, reach = x.shape[-1], (kernel_size - 1) * dilation + 1
    order = order or tuple(range(x.ndim + 1))
    if (kernel_size, length, stride, left) == (1, L, 1, 0):
        return mx.expand_dims(x, -2).transpose(order)  # as_strided fails from 2^31 elements on
    check_size("an unfolded signal", (*x.shape[:-1], kernel_size, length), x.dtype)
    first = min(max(-(-left // stride), 0), length)
    stop = max(min((L + left - reach) // stride + 1, length), first)
    if stride == 1 or x.size < _PADDED or 4 * (stop - first) < 3 * length:  # pad all of x
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
    if stride == 1:
        return parts[0] * 1
    return mx.concatenate(parts, axis=order.index(x.ndim)) if len(parts) > 1 else parts[0]


@halved_matmul
def pointwise(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c of w[o, c, 0] x[n, c, t - left]: a matmul, and nothing else."""
    assert w.shape[2] == stride == groups == 1, f"pointwise: {w.shape}, {stride=}, {groups=}"
    return w.squeeze(2) @ window(x, -left, length)


@halved_matmul
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


def rows(x: mx.array, left: int, size: int) -> mx.array:
    """The values of window(x, -left, size), flat, and after each sample as many as a channel has,
    for views that begin later and read past the ends of rows."""
    (N, C, L), stop = x.shape, size - left
    check_size("a padded signal", (N, C + 1, size), x.dtype)
    low, high = min(max(-left, 0), L), max(min(stop, L), 0)
    sides = (low + left, stop - high) if low < high else (size, 0)
    return mx.pad(x[..., low:high], [(0, 0), (0, 1), sides]).reshape(-1)


@halved_matmul
def by_taps(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same with no copy per tap: K matmuls with views of the padded x, that add up in place.

    Of few channels some of the output's at a time, so that each matmul is small. With a stride the
    phases of x become channels.
    """
    if stride > 1:
        assert dilation == 1, f"by_taps: stride or dilation must be 1, got {stride} and {dilation}"
        w = taps_by_phase(w, stride)
        x = phases_as_channels(x, w.shape[2], length, stride, left)
        return by_taps(x, w, length, stride=1, left=0, dilation=1, groups=groups)
    (N, C, _), (C_out, Cg, K) = x.shape, w.shape
    Og, row = C_out // groups, length + (K - 1) * dilation
    x, w = rows(x, left, row), mx.contiguous(w.transpose(2, 0, 1)).reshape(-1)
    parts = small_parts(Og, lambda n: n * Cg * row <= SMALL)
    of_x = (N, groups, parts, Cg, row), ((C + 1) * row, Cg * row, 0, row, 1)
    of_w = (N, groups, parts, Og // parts, Cg), (0, Og * Cg, Og // parts * Cg, Cg, 1)
    y = mx.as_strided(w, *of_w) @ mx.as_strided(x, *of_x)
    for k in range(1, K):
        tap = mx.as_strided(w, *of_w, k * C_out * Cg)
        y = mx.addmm(y, tap, mx.as_strided(x, *of_x, k * dilation))
    return y.reshape(N, C_out, row)[..., :length]


def small_parts(channels: int, is_small: Callable[[int], bool]) -> int:
    """Into how many parts of the channels to divide a matmul, so that each is small; 1: not at all,
    where that would be more than it pays for."""
    few = (n for n in range(1, FEW + 1) if channels % n == 0 and is_small(channels // n))
    return next(few, 1)


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
