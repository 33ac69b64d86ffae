"""Depthwise 1-D convolution in plain mx operations: blocks of outputs as small matmuls.

A depthwise convolution has no matmul in it: tap by tap it is K passes over memory. So a block of
neighbouring outputs of one channel is computed together, as the sum of matmuls of the J blocks of
inputs that they meet, each with a Toeplitz matrix that repeats the K taps along its diagonals:
many times the arithmetic, at more times the speed. Blocks of inputs do not overlap, so x is copied
but once, to put the samples of a channel one after the other: they are the rows of one matmul. Few
taps far apart are cheaper one by one. The zeros of the matrices are multiplied too, so a NaN or an
infinity reaches the blocks around it.

Shapes as in `conv1d`, for G groups of Cg inputs and Og outputs, both small (Cg = 1 and Og = the
depth multiplier, as a rule).
"""

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from operator import add

import mlx.core as mx

from lucid import _shards
from lucid._sums import sum_over
from lucid.kernels.conv1d import window
from lucid.kernels.conv_transpose1d import flip
from lucid.kernels.halves import at_once, halved, halved_weight_grad

# Outputs at once. Of 16, 32, 48, 64 and 80 it is the fastest by 10 % or so for K = 7 to 87; with
# larger ones the matrices outweigh the signal.
BLOCK = 16

# Rows of a matmul at most: OpenBLAS divides larger ones, and the two streams then wait for each
# other: K12 s2 on (3, 24, 131083) 31 ms, 20 with one thread.
ROWS = 512

# Outputs in a run that meets one row of equal weights. A compiled kernel is vectorized where every
# array that it reads has neighbours along its last axis, up to 10 of them: 5 taps, 0.8 ms a million
# outputs; weights that are broadcast there take 1.4, and 8 taps at once 4.5.
RUN = 64

AT_ONCE = 5  # taps of such a kernel

# Outputs that are worth compiling for: g++ runs for half a second, once. The weight gradient of K3
# on (2, 128, 999), a shard of Conv-TasNet, takes 1.2 ms, compiled 0.7.
LARGE = 1 << 17


@halved
def toeplitz(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c, k of w[o, c, k] x[n, c, t*stride + k*dilation - left]."""
    w = dense(w, groups, dilation)
    J = -(-((BLOCK - 1) * stride + w.shape[3]) // (BLOCK * stride))
    T = matrices(w, J, BLOCK * stride, BLOCK, row=1, column=-stride)
    u = blocks(x, -left, BLOCK * stride, -(-length // BLOCK) + J - 1, groups)
    return products(u, T, x.shape[0], length, (BLOCK - 1) * stride + w.shape[3])


@halved
def toeplitz_transposed(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum of w[c, o, k] x[n, c, i] where i*stride + k*dilation = t + left."""
    w = dense(w, groups, dilation)
    hop = -(-BLOCK // stride)  # inputs for a block of hop*stride outputs
    first = -(-(left - w.shape[3] + 1) // stride)  # the first input that meets y[0],
    start = left - first * stride  # with this tap
    R = (hop * stride - 1 + start) // stride + 1
    J = -(-R // hop)
    T = matrices(w.swapaxes(1, 2), J, hop, hop * stride, start, row=-stride, column=1)
    u = blocks(x, first, hop, -(-length // (hop * stride)) + J - 1, groups)
    return products(u, T, x.shape[0], length, R)


@halved_weight_grad
def toeplitz_weight_grad(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left]."""
    hop = BLOCK * stride
    J = -(-((BLOCK - 1) * stride + (K - 1) * dilation + 1) // hop)
    count = -(-g.shape[2] // BLOCK) + J - 1
    u, v = blocks(x, -left, hop, count, groups), blocks(g, 0, BLOCK, count, groups)
    # The derivatives of the Toeplitz matrices, (groups, Og, Cg, J*hop, BLOCK), summed along the
    # diagonals.
    P = v.shape[2] // g.shape[0] - count + 1
    v = cut(v, 0, J, P)[:, :, None]
    T = mx.concatenate(
        [(cut(u, j, J, P).swapaxes(3, 4)[:, None] @ v).sum(3) for j in range(J)], axis=3
    )
    shape = (g.shape[1], x.shape[1] // groups, K, BLOCK)
    step = J * hop * BLOCK
    T = mx.as_strided(T, shape, (shape[1] * step, step, dilation * BLOCK, hop + 1))
    # Contiguous first: MLX sums over a strided axis 20 times slower than it copies.
    return mx.contiguous(T).sum(3)


def taps(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """As `toeplitz`, tap by tap.

    A large signal is not padded: the inner outputs, whose taps all lie inside, come from x itself.
    """
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    if x.shape[0] * w.shape[0] * length < LARGE:
        return _padded(x, w, 0, length, _multiply_add, **place)
    start = min(max(left, 0), length)
    inside = min(x.shape[2] + left - (w.shape[2] - 1) * dilation, length) - start
    runs = max(inside, 0) // RUN
    if stride > 1 or runs < 2:
        return _padded(x, w, 0, length, _fused_multiply_add, **place)
    stop, middle = start + runs * RUN, start + runs // 2 * RUN
    w_rows = _rows(w, groups)
    x = mx.contiguous(x)

    def inner(t: int, runs: int) -> mx.array:
        return _inner(x, w_rows, t - left, runs, dilation)

    def end(t: int, n: int) -> mx.array:
        return _padded(x, w, t, n, _fused_multiply_add, **place)

    if _shards.is_inside():
        parts = [end(0, start), inner(start, runs), end(stop, length - stop)]
        return mx.concatenate([part for part in parts if part.size], axis=2)
    halves = at_once(
        lambda: [end(0, start), inner(start, runs // 2)],
        lambda: [inner(middle, runs - runs // 2), end(stop, length - stop)],
    )
    return mx.concatenate([part for half in halves for part in half], axis=2)


@halved_weight_grad
def taps_weight_grad(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """As `toeplitz_weight_grad`, for stride 1, tap by tap: the products of four quarters are added
    up in one pass, so that a quarter of them is written and read again."""
    assert stride == 1, f"taps_weight_grad: stride must be 1, got {stride}"
    N, length = x.shape[0], g.shape[2]
    multiply_add = _fused_multiply_add if g.size >= LARGE else _multiply_add
    start = min(max(left, 0), length)
    inside = min(x.shape[2] + left - (K - 1) * dilation, length) - start
    n = max(inside, 0) // 4
    stop = start + 4 * n
    x = x.reshape(N, groups, 1, -1, x.shape[2])
    g = g.reshape(N, groups, -1, 1, length)
    ends = [
        (g[..., t:end], window(x, t - left, end - t + (K - 1) * dilation))
        for t, end in ((0, start), (stop, length))
        if t < end
    ]
    quarters = [(t, g[..., t : t + n]) for t in range(start, stop, n)] if n else []

    def tap(k: int) -> mx.array:
        at = k * dilation
        sums = [(g * x[..., at : at + g.shape[-1]]).sum(-1) for g, x in ends]
        if n:
            terms = [(g, x[..., t + at - left : t + at - left + n]) for t, g in quarters]
            sums.append(sum_over(_total(terms, multiply_add), (4,)))
        return reduce(add, sums).sum(0)

    return mx.stack([tap(k) for k in range(K)], axis=-1).flatten(0, 1)


def _padded(
    x: mx.array,
    w: mx.array,
    start: int,
    length: int,
    multiply_add: Callable[..., mx.array],
    *,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
) -> mx.array:
    """The outputs from `start` on, of a padded x."""
    N, (C_out, Cg, K) = x.shape[0], w.shape
    if length == 0:
        return mx.zeros((N, C_out, 0), x.dtype)
    span = (length - 1) * stride + 1
    x = window(x, start * stride - left, span + (K - 1) * dilation)
    L, Og = x.shape[2], C_out // groups
    x, w = mx.contiguous(x).reshape(-1), mx.contiguous(w).reshape(-1)
    shape, steps = (N, groups, 1, length), (groups * Cg * L, Cg * L, 0, stride)
    each, rows = (groups, Og, 1), (Og * Cg * K, Cg * K, 0)
    terms = [
        (
            mx.as_strided(x, shape, steps, c * L + k * dilation),
            mx.as_strided(w, each, rows, c * K + k),
        )
        for c in range(Cg)
        for k in range(K)
    ]
    return _total(terms, multiply_add).reshape(N, C_out, length)


def _inner(x: mx.array, w: mx.array, start: int, runs: int, dilation: int) -> mx.array:
    """`runs` runs of outputs, the first tap of the first at x[start]; w from `_rows`."""
    N, C, L = x.shape
    Cg, K, groups, Og = w.shape[:4]
    shape, steps = (N, groups, 1, runs, RUN), (C * L, Cg * L, 0, RUN, 1)
    x, w = x.reshape(-1), w.reshape(-1)  # of which a view is one primitive
    each, repeated = (groups, Og, 1, RUN), (Og * RUN, RUN, RUN, 1)
    terms = [
        (
            mx.as_strided(x, shape, steps, c * L + start + k * dilation),
            mx.as_strided(w, each, repeated, (c * K + k) * groups * Og * RUN),
        )
        for c in range(Cg)
        for k in range(K)
    ]
    return _total(terms, _fused_multiply_add).reshape(N, groups * Og, runs * RUN)


def _rows(w: mx.array, groups: int) -> mx.array:
    """Each weight RUN times: (Cg, K, groups, Og, 1, RUN)."""
    w = w.reshape(groups, -1, *w.shape[1:]).transpose(2, 3, 0, 1)[..., None, None]
    return mx.contiguous(mx.broadcast_to(w, (*w.shape[:-1], RUN)))


def _total(
    terms: list[tuple[mx.array, mx.array]], multiply_add: Callable[..., mx.array]
) -> mx.array:
    """The sum of the products.

    The sums of some terms are added up at the end. A kernel that went on with one would write into
    its memory, and then nothing is vectorized: K7 d9 on (4, 64, 24576) 13 ms instead of 12.
    """
    kernels = -(-len(terms) // AT_ONCE)
    places = [len(terms) * i // kernels for i in range(kernels + 1)]
    return reduce(add, (multiply_add(*sum(terms[i:j], ())) for i, j in pairwise(places)))


def taps_transposed(
    x: mx.array, w: mx.array, length: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """As `toeplitz_transposed`, for stride 1: the taps of the flipped kernel."""
    assert stride == 1, f"taps_transposed: stride must be 1, got {stride}"
    left = (w.shape[2] - 1) * dilation - left
    w = flip(w, groups)
    return taps(x, w, length, stride=1, left=left, dilation=dilation, groups=groups)


def _multiply_add(*terms: mx.array) -> mx.array:
    """x w + x w + ..."""
    return reduce(add, (x * w for x, w in zip(terms[::2], terms[1::2], strict=True)))


_fused_multiply_add = mx.compile(_multiply_add)


def dense(w: mx.array, groups: int, dilation: int) -> mx.array:
    """The kernels (groups, C/groups, Cg, (K - 1)*dilation + 1), with zeros between their taps."""
    w = w.reshape(groups, -1, *w.shape[1:])
    if dilation == 1:
        return w
    w = mx.pad(w[..., None], [(0, 0)] * w.ndim + [(0, dilation - 1)])
    return w.flatten(-2)[..., : 1 - dilation]


def matrices(
    w: mx.array, J: int, hop: int, B: int, start: int = 0, *, row: int, column: int
) -> mx.array:
    """T[g, o, c, i, b] = w[g, o, c, start + i*row + b*column] for J*hop rows i, cut into J matrices
    of hop rows each; one of the steps is negative."""
    groups, Og, Cg, _ = w.shape
    R = J * hop
    low = start + min((R - 1) * row, (B - 1) * column)
    n = (R - 1) * abs(row) + (B - 1) * abs(column) + 1
    w = mx.contiguous(window(w, low, n))
    # as_strided takes no negative step: walk that axis forwards, then flip it.
    T = mx.as_strided(w, (groups, Og, Cg, R, B), (Og * Cg * n, Cg * n, n, abs(row), abs(column)))
    T = T[:, :, :, ::-1] if row < 0 else T[..., ::-1]
    return T.reshape(groups, Og, Cg, J, hop, B)


def blocks(x: mx.array, start: int, size: int, count: int, groups: int) -> mx.array:
    """x from position `start` on in blocks, the samples of a channel one after the other: (groups,
    Cg, N*count, size). Where they are to be cut into P matmuls a sample takes P - 1 blocks more."""
    count += -(-x.shape[0] * count // ROWS) - 1
    x = window(x.swapaxes(0, 1), start, count * size)
    return mx.contiguous(x).reshape(groups, -1, x.shape[1] * count, size)


def cut(u: mx.array, j: int, J: int, P: int) -> mx.array:
    """Blocks j, j + 1, ... of u, for every of P matmuls: (groups, Cg, P, rows, size)."""
    rows = (u.shape[2] - J + 1) // P
    return mx.unflatten(u[:, :, j : j + P * rows], 2, (P, rows))


def products(u: mx.array, T: mx.array, N: int, length: int, R: int) -> mx.array:
    """y[n, o]: block i is the sum over c and j of u[c, i + j] @ T[o, c, j], blocks of sample n.

    T has R rows that are not zero. Of the last block only these are multiplied, so that a NaN stays
    in the outputs whose R inputs hold it.
    """
    groups, Og, Cg, J, hop, B = T.shape
    count = u.shape[2] // N
    P = count + 2 - J - -(-length // B)
    sizes = [min(hop, R - j * hop) for j in range(J)]
    parts = [cut(u, j, J, P)[..., :n] for j, n in enumerate(sizes)]
    terms = [
        (parts[j][:, None, c], T[:, :, c, None, j, :n])
        for c in range(Cg)
        for j, n in enumerate(sizes)
    ]
    y = terms[0][0] @ terms[0][1]
    for block, matrix in terms[1:]:
        y = mx.addmm(y, block, matrix)  # in place
    # The last blocks of a sample, which meet the next one, are left out.
    steps = (count * B, P * y.shape[3] * B, 1)
    return mx.as_strided(y, (N, groups * Og, length), steps)
