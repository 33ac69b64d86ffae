"""The weight gradient of dense and grouped 1-D convolution: definitions and Metal launchers.

Shapes: x (N, C_in, L), g (N, C_out, length) -> gw (C_out, C_in/groups, K); settings as in `conv1d`.
The sum runs over samples and positions, the axes that are long, and the result is small.
"""

import mlx.core as mx

from lucid.kernels.conv1d import SMALL, phases_as_channels, rows, small_parts, unfold, window
from lucid.kernels.conv_transpose1d import flip
from lucid.kernels.halves import halved_weight_grad
from lucid.kernels.metal import Kernel
from lucid.kernels.phases import phases
from lucid.kernels.sum_partials import sum_partials

_MATMUL = Kernel("conv1d_weight_grad", "conv1d_weight_grad_matmul")
_DIRECT = Kernel("conv1d_weight_grad", "conv1d_weight_grad_direct")

GROUPS = 256  # threadgroups that fill the largest of Apple's GPUs: three to each core


@halved_weight_grad
def pointwise(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, c, 0] = sum over n, t of g[n, o, t] x[n, c, t - left]: a matmul for each sample."""
    assert K == stride == groups == 1, f"pointwise: {K=}, {stride=}, {groups=}"
    gw = g @ window(x, -left, g.shape[2]).swapaxes(1, 2)
    return mx.expand_dims(gw.sum(0) if len(gw) > 1 else gw.squeeze(0), 2)


def by_sample(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left].

    Without a stride both are unfolded: tap a + A b is tap a of x beside tap -b of g, so that a
    matmul of A copies of x with B of g makes A B taps.
    """
    (N, C_in, L), (_, C_out, length) = x.shape, g.shape
    Cg, Og = C_in // groups, C_out // groups
    A = taps_of_x(K, Cg, Og) if stride == 1 else K
    B, hop = -(-K // A), A * dilation
    start, stop = 0, length
    if B > 1:  # where neither is silent
        start = max(left - (A - 1) * dilation, 0)
        stop = max(min(left + L, length + (B - 1) * hop), start + 1)
    n = stop - start
    u = unfold(x, A, n, stride=stride, left=left - start, dilation=dilation)
    v = unfold(g, B, n, stride=1, left=(B - 1) * hop - start, dilation=hop)
    u, v = u.reshape(N, groups, Cg * A, n), v.reshape(N, groups, Og * B, n)
    gw = (v @ u.swapaxes(2, 3)).sum(0).reshape(C_out, B, Cg, A)[:, ::-1]
    return gw.swapaxes(1, 2).reshape(C_out, Cg, B * A)[..., :K]


def by_phases(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same without dilation, with the phases of x as channels, so that no stride is left."""
    assert dilation == 1, f"by_phases: dilation must be 1, got {dilation}"
    (_, C_out, length), Cg, M = g.shape, x.shape[1] // groups, -(-K // stride)
    x = phases_as_channels(x, M, length, stride, left)
    gw = by_sample(x, g, M, stride=1, left=0, dilation=1, groups=groups)
    return gw.reshape(C_out, Cg, stride, M).swapaxes(2, 3).flatten(2)[..., :K]


def taps_of_x(K: int, Cg: int, Og: int) -> int:
    """How many of K taps to unfold of Cg channels, the rest being unfolded of Og others: so many
    that the least is written, the least is computed, and the most of them."""
    return min(range(1, K + 1), key=lambda A: (A * Cg + -(-K // A) * Og, A * -(-K // A), -A))


@halved_weight_grad
def at_once(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same with the samples side by side in one matmul, at the price of a copy of g."""
    N, C_out, length = g.shape
    Cg = x.shape[1] // groups
    u = unfold(x, K, length, stride=stride, left=left, dilation=dilation, order=(1, 2, 0, 3))
    u = u.reshape(groups, Cg * K, N * length)
    g = g.swapaxes(0, 1).reshape(groups, C_out // groups, N * length)
    return (g @ u.swapaxes(1, 2)).reshape(C_out, Cg, K)


@halved_weight_grad
def by_views(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same for stride 1 with no copy per tap: each is a matmul with a view of the padded x.

    The ends of the views reach into the next channel, where g is silent. It is padded as for the
    gradient of x, which mx.compile then does once: 138 ms a step of HiFi-GAN instead of 142.
    """
    assert stride == 1, f"by_views: stride must be 1, got {stride}"
    (N, C, _), (_, C_out, length), tail = x.shape, g.shape, (K - 1) * dilation
    Cg, Og, row = C // groups, C_out // groups, length + tail
    begin = min(max(tail - left, 0), tail)
    x, g = rows(x, left, row), rows(g, begin, row)
    parts = small_parts(Og, lambda n: _is_small(Cg, n, row))
    shape, step = (N, K, groups, parts), Og // parts
    x = mx.as_strided(x, (*shape, Cg, row), ((C + 1) * row, dilation, Cg * row, 0, row, 1))
    steps = ((C_out + 1) * row, 0, Og * row, step * row, 1, row)
    gw = x @ mx.as_strided(g, (*shape, row, step), steps, begin)
    return gw.sum(0).transpose(1, 2, 4, 3, 0).reshape(C_out, Cg, K)


def _is_small(rows: int, columns: int, terms: int) -> bool:
    """Whether OpenBLAS computes such a matmul without packing the matrices (its SkylakeX)."""
    return rows * columns * terms <= SMALL and rows * columns <= 1200


# Metal ------------------------------------------------------------------------------------------


def shader_matmul(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same as a matmul in tiles, with the taps as columns: nothing is unfolded in memory."""
    Cg, Og = x.shape[1] // groups, g.shape[1] // groups
    if stride == 1 and padded(Cg, Og * K) < padded(Og, Cg * K):
        # At stride 1 x and g can change places, which gives the flipped weight.
        left = (K - 1) * dilation - left
        settings = {"stride": 1, "left": left, "dilation": dilation, "groups": groups}
        return flip(_matmul(g, x, K, **settings), groups)
    return _matmul(x, g, K, stride=stride, left=left, dilation=dilation, groups=groups)


def padded(rows: int, columns: int) -> int:
    """The size of a matrix in whole fragments of 8x8."""
    return -(-rows // 8) * -(-columns // 8) * 64


def _matmul(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    (N, C_in, _), (_, C_out, length) = x.shape, g.shape
    Cg, Og = C_in // groups, C_out // groups
    # Simdgroups of the tile along (c, k) and along o, as many as fill it; the rest divide t.
    columns = _simdgroups(Cg * K, 4)
    rows = _simdgroups(Og, min(8 // columns, 4))
    turns = 8 // (rows * columns)
    BT = 64 if turns >= 4 else 32
    taps = min(K, 32 * columns)
    c_tiles, k_tiles = -(-Cg // (32 * columns // taps)), -(-K // taps)
    tiles = c_tiles * k_tiles, -(-Og // (32 * rows)) * groups
    blocks = N * -(-length // BT)
    per_chunk = _chunk(blocks, tiles[0] * tiles[1], x.size + g.size, C_out * Cg * K)
    chunks = -(-blocks // per_chunk)
    P = phases(taps, stride, dilation, BT)
    (partials,) = _MATMUL(
        [x, g, mx.array([left, groups, per_chunk], mx.int32)],
        template={"K": K, "S": stride, "D": dilation, "PHASES": P.planes, "STEP": P.step,
                  "ROWS": rows, "COLUMNS": columns},
        grid=(256 * tiles[0], tiles[1], chunks),
        threadgroup=(256, 1, 1),
        outputs=[((chunks, C_out, Cg, K), mx.float32)],
    )  # fmt: skip
    return sum_partials(partials, x.dtype)


def shader_direct(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same with the sums of a few outputs, channels and taps in the registers of a thread."""
    (N, C_in, _), (_, C_out, length) = x.shape, g.shape
    Cg, Og = C_in // groups, C_out // groups
    taps = min(K, 8)
    blocks = -(-Og // 4) * -(-Cg // (8 // taps)) * -(-K // taps)
    # At least 16 positions a thread, or adding up the threads' sums costs more than the sums.
    runs = -(-N * length // 4096)
    chunk = 4096 * _chunk(runs, blocks * groups, x.size + g.size, C_out * Cg * K)
    chunks = -(-N * length // chunk)
    (partials,) = _DIRECT(
        [x, g, mx.array([left, groups, chunk], mx.int32)],
        template={"K": K, "S": stride, "D": dilation},
        grid=(256 * blocks, groups, chunks),
        threadgroup=(256, 1, 1),
        outputs=[((chunks, C_out, Cg, K), mx.float32)],
    )
    return sum_partials(partials, x.dtype)


def _simdgroups(size: int, most: int) -> int:
    """1, 2 or 4 (at most `most`) times 32, to hold `size`."""
    return 1 if size <= 32 or most == 1 else 2 if size <= 64 or most == 2 else 4


def _chunk(blocks: int, tiles: int, read: int, partial: int) -> int:
    """How many of its blocks of positions one threadgroup sums up.

    So few that GROUPS or more run at once, but so many that all partial sums, of `partial` values
    each, are an eighth of the values read at most.
    """
    chunks = max(min(-(-GROUPS // tiles), read // (8 * partial)), 1)
    return -(-blocks // chunks)
