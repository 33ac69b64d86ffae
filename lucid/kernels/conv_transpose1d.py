"""Transposed 1-D convolution, polyphase: in plain mx operations one matmul for all phases, on a
Metal GPU the shaders of `metal/conv_transpose1d.metal`.

Shapes: x (N, C_in, L), w (C_in, C_out/groups, K), y (N, C_out, length). Tap k of input i lands on
y[i*stride + k*dilation - left]. No zeros are inserted into x: only ceil(K/stride) taps reach an
output, and the outputs with equal position modulo the stride form one stride-1 convolution.
"""

from collections.abc import Callable
from functools import partial, reduce
from math import gcd
from operator import add

import mlx.core as mx

from lucid.kernels import conv1d, direct, implicit_matmul
from lucid.kernels.conv1d import window
from lucid.kernels.halves import halved_matmul
from lucid.kernels.metal import Kernel


@partial(halved_matmul, axis=1)
def pointwise(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c of w[c, o, 0] x[n, c, t + left]: a matmul, and nothing else."""
    assert w.shape[2] == stride == groups == 1, f"pointwise: {w.shape}, {stride=}, {groups=}"
    return w.squeeze(2).T @ window(x, left, length)


def unfold_first(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum of w[c, o, k] x[n, c, i] where i*stride + k*dilation = t + left."""
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return by_phases(conv1d.unfolded, x, w, length, **place)


def by_taps(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same without a copy per tap, as `conv1d.by_taps`."""
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return by_phases(conv1d.by_taps, x, w, length, **place)


def by_phases(
    form: Callable[..., mx.array],
    x: mx.array,
    w: mx.array,
    length: int,
    *,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
) -> mx.array:
    """The same by one ordinary convolution of stride 1, with the phases of y as its channels."""
    N, C_in, L = x.shape
    _, Og, K = w.shape
    tail = (K - 1) * dilation
    if stride == 1 and left >= 0 and left + length <= L + tail:  # one phase, and y is within it
        place = {"stride": 1, "left": tail - left, "dilation": dilation, "groups": groups}
        return form(x, flip(w, groups), length, **place)
    w, step = phases(w.reshape(groups, C_in // groups, Og, K), stride, dilation)
    P, M = w.shape[-2:]
    first, count = reach(L, M, P, length, stride, left, dilation)
    # z[p, q] = sum over m of w[p, m] x[q - (M - 1 - m)*step]: the taps come reversed.
    w = w.transpose(0, 2, 3, 1, 4).reshape(groups * Og * P, C_in // groups, M)
    place = {"stride": 1, "left": (M - 1) * step - first, "dilation": step, "groups": groups}
    z = form(x, w, count, **place).reshape(N, groups * Og, P, count)
    return interleave(z, length, stride, left - first * stride, dilation)


@partial(halved_matmul, axis=1)
def multiply_first(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same in the other order: multiply by all taps, then add up the M shifted products.

    The weight is read as it stands, and so is x where nothing needs to lie around it.
    """
    N, C_in, L = x.shape
    _, Og, K = w.shape
    common = gcd(stride, dilation)
    P, step = min(stride // common, K), dilation // common  # as in `phases`
    M = -(-K // P)
    first, count = reach(L, M, P, length, stride, left, dilation)
    origin = 0
    if C_in < groups * Og * K:  # zeros go around the smaller of inputs and products
        origin = first - (M - 1) * step
        x = window(x, origin, count + (M - 1) * step)
    n = x.shape[2]
    x = x.reshape(N, groups, C_in // groups, n)
    w = window(w, 0, M * P).reshape(groups, C_in // groups, Og * M * P).swapaxes(1, 2)
    if n < conv1d.SHORT and N > 1:
        z = w @ x.transpose(1, 2, 0, 3).flatten(2)
        z = z.reshape(groups, Og, M, P, N, n).transpose(4, 0, 1, 2, 3, 5)
    else:
        z = (w @ x).reshape(N, groups, Og, M, P, n)
    parts = (window(z[:, :, :, m], first - m * step - origin, count) for m in range(M))
    # Added up in the order of y, so that nothing is left to interleave: one pass instead of two.
    z = reduce(add, (part.swapaxes(-1, -2) for part in parts))
    z = z.reshape(N, groups * Og, count, P).swapaxes(-1, -2)
    return interleave(z, length, stride, left - first * stride, dilation)


def multiply_first_conv1d(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The ordinary convolution of stride 1, as `multiply_first` of the flipped kernel."""
    assert stride == 1, f"multiply_first_conv1d: stride must be 1, got {stride}"
    left = (w.shape[2] - 1) * dilation - left
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return multiply_first(x, flip(w, groups), length, **place)


def flip(w: mx.array, groups: int) -> mx.array:
    """The weight of the ordinary convolution that a transposed one of stride 1 is; and back."""
    C_in, Cg, K = w.shape
    w = w[..., ::-1] if K > 1 else w
    if groups == 1:
        return w.swapaxes(0, 1)
    w = w.reshape(groups, C_in // groups, Cg, K)
    return w.swapaxes(1, 2).reshape(groups * Cg, C_in // groups, K)


def phases(w: mx.array, stride: int, dilation: int) -> tuple[mx.array, int]:
    """Taps on the last axis (..., K) sorted by phase: (..., P, M), reversed along M; their step.

    Tap k adds to positions congruent to k*dilation modulo the stride, so k and k + P meet in one
    phase with P = stride / gcd(stride, dilation): phase p holds the taps p, p + P, p + 2P, ...
    Neighbours in a phase lie P*dilation positions apart, which is `step` inputs.
    """
    K, common = w.shape[-1], gcd(stride, dilation)
    P = min(stride // common, K)
    M = -(-K // P)
    w = window(w, 0, M * P).reshape(*w.shape[:-1], M, P)
    return w.swapaxes(-1, -2)[..., ::-1], dilation // common


def reach(
    L: int, M: int, P: int, length: int, stride: int, left: int, dilation: int
) -> tuple[int, int]:
    """First q and number of the phase samples z[p, q] that y needs; q = 0 starts at the first x."""
    first = max(-(((P - 1) * dilation - left) // stride), 0)
    stop = min(-(-(left + length) // stride), L + (M - 1) * dilation // gcd(stride, dilation))
    return first, max(stop - first, 1)


def interleave(z: mx.array, length: int, stride: int, left: int, dilation: int) -> mx.array:
    """y[..., t]: phase p of z (..., P, Q) lands on y[q*stride + p*dilation - left]."""
    P, Q = z.shape[-2:]
    if stride == 1:
        return window(z.flatten(-2), left, length)
    if dilation > 1:
        # Row r: the phase whose p*dilation is congruent to r, moved by the whole strides in it.
        Q += (P - 1) * dilation // stride
        parts, filled = [], 0
        for p in sorted(range(P), key=lambda p: p * dilation % stride):
            late, r = divmod(p * dilation, stride)
            parts += [_silence(z, r - filled, Q), window(z[..., p : p + 1, :], -late, Q)]
            filled = r + 1
        z = mx.concatenate([*parts, _silence(z, stride - filled, Q)], axis=-2)
    elif stride > P:  # more stride than taps: nothing reaches the last phases
        z = mx.pad(z, [(0, 0)] * (z.ndim - 2) + [(0, stride - P), (0, 0)])
    y = z.swapaxes(-1, -2).reshape(*z.shape[:-2], Q * stride)
    return window(y, left, length)


def _silence(z: mx.array, rows: int, Q: int) -> mx.array:
    """Phases that no tap reaches; however many, one array."""
    return mx.zeros((*z.shape[:-2], rows, Q), z.dtype)


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
    """The same for stride 1, as `conv1d.mlx`: MLX's own transposed convolution unfolds x."""
    left = (w.shape[2] - 1) * dilation - left
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return conv1d.mlx(x, flip(w, groups), length, bias=bias, **place)


# Shaders: y as above, plus a bias (C_out,) ------------------------------------------------------

MATMUL = Kernel("conv_transpose1d", "conv_transpose1d_matmul")
DIRECT = Kernel("conv_transpose1d", "conv_transpose1d_direct")


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
    """For many channels: a tiled matrix product over all phases."""
    C_in, Og, K = w.shape
    Cg = C_in // groups
    plan = implicit_matmul.transposed(Cg, Og, K, stride, dilation)
    w = w.reshape(groups, Cg, Og, K).swapaxes(1, 2)
    first, cut = divmod(left, stride)  # y begins in phase `cut` of position `first`
    place = {
        "origin": first - (K - 1) * dilation // stride,
        "cut": cut,
        "positions": (left + length - 1) // stride - first + 1,
    }
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
    """For few channels: a thread sums R outputs of one phase of some."""
    (N, C_in, L), (_, Og, K) = x.shape, w.shape
    common = gcd(stride, dilation)
    P, step = stride // common, dilation // common  # taps, and outputs, that share inputs
    first, cut = divmod(left, stride)
    positions = (left + length - 1) // stride - first + 1
    R, width = direct.outputs(stride), min(step, positions)
    steps = {"K": K, "S": stride, "D": dilation, "R": R, "P": P, "STEP": step}
    return direct.launch(
        DIRECT,
        x,
        w,
        bias,
        (N, groups * Og, length),
        Og=Og,
        threads=-(-positions // (R * step)) * width * stride,
        sizes=[C_in // groups, Og, groups, L, length, first, cut, width],
        template={**steps, "INVERSE": pow(step, -1, P)},  # leads from a phase to its first tap
    )
