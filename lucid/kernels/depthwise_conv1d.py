"""Depthwise 1-D convolution in plain mx operations: blocks of outputs as small matmuls.

A depthwise convolution has no matmul in it: tap by tap it is K passes over memory. So `block`
neighbouring outputs of one channel are computed together, as a matmul of the R inputs that they
meet with a Toeplitz matrix (R, block) that repeats the K taps along its diagonals: R/K times the
arithmetic, at many times the speed. Few and dilated taps are cheaper one by one. The zeros of the
matrix are multiplied too, so a NaN or an infinity reaches the whole of its block.

Shapes as in `conv1d`, for G groups of Cg inputs and Og outputs, both small (Cg = 1 and Og = the
depth multiplier, as a rule).
"""

from functools import reduce
from operator import add

import mlx.core as mx

from lucid.kernels.conv1d import unfold, window
from lucid.kernels.conv_transpose1d import flip


def toeplitz(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c, k of w[o, c, k] x[n, c, t*stride + k*dilation - left]."""
    C_out, Cg, K = w.shape
    if dilation > 1:
        U = -(-length // dilation)
        x = split_phases(x, U + K - 1, left, dilation)
        y = toeplitz(x, w, U, stride=1, left=0, dilation=1, groups=groups)
        return merge_phases(y, dilation)[..., :length]
    B = block(K)
    R = (B - 1) * stride + K
    w = w.reshape(groups, C_out // groups, Cg, K).swapaxes(1, 2)
    u = rows(x, R, -(-length // B), B * stride, left, groups)
    return unrows(u @ matrix(w, R, B, row=1, column=-stride), x.shape[0], C_out, length)


def toeplitz_transposed(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum of w[c, o, k] x[n, c, i] where i*stride + k*dilation = t + left."""
    C_in, Cg, K = w.shape
    if dilation > 1:
        x = split_phases(x, -(-x.shape[2] // dilation), 0, dilation)
        first, r = divmod(left, dilation)
        U = -(-(r + length) // dilation)
        y = toeplitz_transposed(x, w, U, stride=1, left=first, dilation=1, groups=groups)
        return window(merge_phases(y, dilation), r, length)
    B = -(-block(K) // stride) * stride
    first = -(-(left - K + 1) // stride)  # the first input that meets y[0],
    start = left - first * stride  # with this tap
    R = (B - 1 + start) // stride + 1
    w = w.reshape(groups, C_in // groups, Cg, K)
    u = rows(x, R, -(-length // B), B // stride, -first, groups)
    T = matrix(w, R, B, start, row=-stride, column=1)
    return unrows(u @ T, x.shape[0], groups * Cg, length)


def toeplitz_weight_grad(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left]."""
    C_out, length = g.shape[1:]
    Cg, Og = x.shape[1] // groups, C_out // groups
    if dilation > 1:
        length = -(-length // dilation)
        x, left = split_phases(x, length + K - 1, left, dilation), 0
        g = split_phases(g, length, 0, dilation)
    B = block(K)
    R, count = (B - 1) * stride + K, -(-length // B)
    u = rows(x, R, count, B * stride, left, groups)
    v = rows(g, B, count, B, 0, groups)
    # The derivative of the Toeplitz matrix, (groups, Og, B, Cg, R), summed along its diagonals.
    T = v.swapaxes(-1, -2) @ u
    if T.ndim == 4:
        T = T.sum(0)
    shape = (groups, Og, Cg, B, K)
    steps = (Og * B * Cg * R, B * Cg * R, R, Cg * R + stride, 1)
    # Contiguous first: MLX sums over a strided axis 20 times slower than it copies.
    return mx.contiguous(mx.as_strided(T, shape, steps)).sum(3).reshape(C_out, Cg, K)


def taps(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """As `toeplitz`, tap by tap.

    mx.compile fuses eight taps into one pass: 35 instead of 61 ms for K3 on (8, 512, 4001), 0.8
    instead of 1.0 on (8, 64, 999). It runs g++ for half a second first, so not for less.
    """
    N, (C_out, Cg, K) = x.shape[0], w.shape
    span = (length - 1) * stride + 1
    x = window(x, -left, span + (K - 1) * dilation).reshape(N, groups, Cg, 1, -1)
    w = w.reshape(groups, C_out // groups, Cg, K, 1)
    terms = [
        (x[:, :, c, :, k * dilation : k * dilation + span : stride], w[:, :, c, k])
        for c in range(Cg)
        for k in range(K)
    ]
    y: tuple[mx.array, ...] = ()
    multiply_add = _fused_multiply_add if N * C_out * length >= 1 << 18 else _multiply_add
    for i in range(0, len(terms), 8):  # mx.compile fuses up to 24 inputs
        y = (multiply_add(*y, *sum(terms[i : i + 8], ())),)
    return y[0].reshape(N, C_out, length)


def taps_transposed(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """As `toeplitz_transposed`, for stride 1: the taps of the flipped kernel."""
    assert stride == 1, f"taps_transposed: stride must be 1, got {stride}"
    left = (w.shape[2] - 1) * dilation - left
    w = flip(w, groups)
    return taps(x, w, length, stride=1, left=left, dilation=dilation, groups=groups)


def _multiply_add(*terms: mx.array) -> mx.array:
    """x w + x w + ...; an odd first term is a sum to go on with."""
    head, pairs = terms[: len(terms) % 2], terms[len(terms) % 2 :]
    products = (x * w for x, w in zip(pairs[::2], pairs[1::2], strict=True))
    return reduce(add, (*head, *products))


_fused_multiply_add = mx.compile(_multiply_add)


def block(K: int) -> int:
    """Outputs per row. Measured with 8, 16, 32, 64: 16 is best below K = 40, within 10 % at 33;
    at K = 75 on (16, 512, 835) it takes 75 ms, 64 takes 51."""
    return 16 if K < 40 else 64


def matrix(w: mx.array, R: int, B: int, start: int = 0, *, row: int, column: int) -> mx.array:
    """T[g, (a, i), (b, j)] = w[g, a, b, start + i*row + j*column]; one of the steps is negative."""
    groups, A, C, _ = w.shape
    low = start + min((R - 1) * row, (B - 1) * column)
    n = (R - 1) * abs(row) + (B - 1) * abs(column) + 1
    w = mx.contiguous(window(w, low, n))
    # as_strided takes no negative step: walk that axis forwards, then flip it.
    shape, steps = (groups, A, R, C, B), (A * C * n, C * n, abs(row), n, abs(column))
    T = mx.as_strided(w, shape, steps)
    T = T[:, :, ::-1] if row < 0 else T[..., ::-1]
    return T.reshape(groups, A * R, C * B)


def rows(x: mx.array, R: int, count: int, hop: int, left: int, groups: int) -> mx.array:
    """The windows of R values, `hop` apart, as rows: (groups, N*count, Cg*R), or, where one sample
    has many of them, (N, groups, count, Cg*R): then the result needs no transpose (61 -> 49 ms on
    (8, 512, 4001) K3)."""
    N, C, L = x.shape
    x = x.reshape(N, groups, C // groups, L)
    order = (0, 1, 4, 2, 3) if count >= 32 else (1, 0, 4, 2, 3)
    u = unfold(x, R, count, stride=hop, left=left, dilation=1, order=order)
    return u.reshape(N, groups, count, -1) if count >= 32 else u.reshape(groups, N * count, -1)


def unrows(y: mx.array, N: int, C: int, length: int) -> mx.array:
    """Rows of outputs, laid out as `rows` does, back to (N, C, length)."""
    if y.ndim == 4:
        _, groups, count, _ = y.shape
        y = y.reshape(N, groups, count, C // groups, -1).transpose(0, 1, 3, 2, 4)
    else:
        groups, count = y.shape[0], y.shape[1] // N
        y = y.reshape(groups, N, count, C // groups, -1).transpose(1, 0, 3, 2, 4)
    return y.reshape(N, C, -1)[..., :length]


def split_phases(x: mx.array, length: int, left: int, dilation: int) -> mx.array:
    """Every dilation-th value of x from -left on, as samples: (N*dilation, C, length)."""
    N, C, _ = x.shape
    u = unfold(x, dilation, length, stride=dilation, left=left, dilation=1, order=(0, 2, 1, 3))
    return u.reshape(N * dilation, C, length)


def merge_phases(y: mx.array, dilation: int) -> mx.array:
    """The inverse of `split_phases`: (N, C, length*dilation)."""
    _, C, length = y.shape
    y = y.reshape(-1, dilation, C, length).transpose(0, 2, 3, 1)
    return y.reshape(-1, C, length * dilation)
