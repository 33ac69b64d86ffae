"""Depthwise 1-D convolution on a Metal GPU: launchers of `metal/depthwise_conv1d.metal`.

The convolutions of one input channel a group (Cg = 1) and any number m of filters for it.
Signatures and shapes are those of the definitions in `depthwise_conv1d`, plus a bias (C_out,).

A threadgroup works on a tile: a stretch of one long row (n, c), or several short rows. What it has
room for depends on the layer alone, and is compiled into its kernels; how a signal is cut into
tiles depends on all shapes, and on nothing else.
"""

from functools import cache
from math import gcd
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels.metal import LARGEST_AXIS, Kernel, TooLarge
from lucid.kernels.sum_partials import sum_partials

_CONV1D = Kernel("depthwise_conv1d", "depthwise_conv1d")
_CONV_TRANSPOSE1D = Kernel("depthwise_conv1d", "depthwise_conv_transpose1d")
_WEIGHT_GRAD = Kernel("depthwise_conv1d", "depthwise_conv1d_weight_grad")

_FLOATS = 7168  # of threadgroup memory to plan with; Metal has 8192
_WEIGHTS = 128  # float4 of weights that a threadgroup has room for, unless one row is longer
_SIMDGROUPS = 8  # of a threadgroup that sums up weight gradients
_GROUPS = 1024  # threadgroups that keep a large GPU busy


class Layer(NamedTuple):
    """What of a convolution its kernels are compiled for, besides the dtype."""

    K: int
    m: int
    stride: int
    dilation: int

    @property
    def halo(self) -> int:
        """Values that a run of outputs needs of a plane (see `metal/tile.h`) beyond one for each,
        in whole float4."""
        return _round_up((self.K - 1) * self.dilation // self.stride, 4)

    @property
    def quads(self) -> int:
        """The float4 that a row of weights fills."""
        return _ceil(self.K, 4)

    def spare(self, threads: int) -> int:
        """Room for the halos of more than one short row, where it is cheap."""
        return 2 * threads if self.stride == 1 else 0

    def template(self, **values: int) -> dict[str, int]:
        return {"K": self.K, "S": self.stride, "D": self.dilation, "HALO": self.halo, **values}


@cache
def fits(K: int, m: int, stride: int, dilation: int) -> bool:
    """Whether all three kernels have room for tiles, as they do up to a reach of some thousand
    positions. Beyond a stride of 16 outputs share too little of x, and need too many sums."""
    layer = Layer(K, m, stride, dilation)
    try:
        _conv1d_room(layer)
        _conv_transpose1d_room(layer)
        _weight_grad_room(layer._replace(K=min(K, _most_taps(stride))))
    except TooLarge:
        return False
    return stride <= 16


def conv1d(
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
    """y[n, c*m + j, t] = sum over k of w[c*m + j, 0, k] x[n, c, t*stride + k*dilation - left]."""
    (N, C, _), (C_out, _, K) = x.shape, w.shape
    layer = Layer(K, C_out // C, stride, dilation)
    room = _conv1d_room(layer)
    F, threads = room["F"], room["THREADS"]
    tiles = _ceil(length, 4 * threads)
    blocks = _ceil(length, 4 * tiles)
    rows = 1
    if tiles == 1:
        by_plane = room["PLANE"] // (4 * blocks + layer.halo)
        by_weights = _WEIGHTS // (F * layer.quads)
        rows = max(1, min(N * C, threads // blocks, by_plane, by_weights))
    tile_groups = tiles * _ceil(N * C, rows)
    # So many filters in turn that reading x again for the next ones costs an eighth of writing y.
    filters = min(layer.m, _round_up(8 * stride, F))
    size = _round_up(rows * blocks, 32)
    (y,) = _CONV1D(
        [x, w, w if bias is None else bias, _sizes(length, left, blocks, tiles, rows, filters)],
        template={"T": x.dtype, "BIAS": bias is not None, **room},
        grid=(size * tile_groups, _ceil(layer.m, filters), 1),
        threadgroup=(size, 1, 1),
        outputs=[((N, C_out, length), x.dtype)],
    )
    return y


def conv_transpose1d(
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
    """y[n, o // m, t] = sum of w[o, 0, k] x[n, o, i] where i*stride + k*dilation = t + left."""
    (N, C_in, _), K, C = x.shape, w.shape[2], groups
    layer = Layer(K, C_in // C, stride, dilation)
    room = _conv_transpose1d_room(layer)
    R, teams = room["R"], room["TEAMS"]
    lanes = room["THREADS"] // teams
    first, last = left // stride, (left + length - 1) // stride
    tiles = _ceil(last - first + 1, R * lanes)
    blocks = _ceil(last - first + 1, R * tiles)
    rows = 1
    if tiles == 1:
        by_plane = room["PLANE"] // (R * blocks + layer.halo)
        by_weights = _WEIGHTS // teams // layer.quads
        rows = max(1, min(N * C, lanes // blocks, by_plane, by_weights))
    size = teams * _round_up(rows * blocks, 32)
    (y,) = _CONV_TRANSPOSE1D(
        [x, w, w if bias is None else bias, _sizes(length, left, first, blocks, tiles, rows, C)],
        template={"T": x.dtype, "BIAS": bias is not None, **room},
        grid=(size * tiles * _ceil(N * C, rows), 1, 1),
        threadgroup=(size, 1, 1),
        outputs=[((N, C, length), x.dtype)],
    )
    return y


def weight_grad(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, 0, k] = sum over n, t of g[n, o, t] x[n, o // m, t*stride + k*dilation - left]."""
    most = _most_taps(stride)
    if most < K:
        place = {"stride": stride, "dilation": dilation, "groups": groups}
        parts = [
            weight_grad(x, g, min(K - k, most), left=left - k * dilation, **place)
            for k in range(0, K, most)
        ]
        return mx.concatenate(parts, axis=2)
    (N, C, _), (_, C_out, length) = x.shape, g.shape
    layer = Layer(K, C_out // C, stride, dilation)
    room = _weight_grad_room(layer)
    teams = _SIMDGROUPS // room["TAP_TEAMS"]
    rows = min(teams, layer.m)  # of one channel: they share x
    tiles = _ceil(length, room["POSITIONS"] // rows)
    blocks = _ceil(length, 4 * tiles)

    def samples_in(rows: int) -> int:
        by_plane = room["PLANE"] // (_channels(rows, layer.m) * (4 * blocks + layer.halo))
        return min(by_plane, room["POSITIONS"] // (rows * 4 * blocks))

    samples = 1
    if tiles == 1:
        while 2 * rows <= teams and rows * length < 512 and samples_in(2 * rows):
            rows *= 2  # neighbouring short rows share cache lines
        samples = min(N, samples_in(rows))
    steps = _ceil(N, samples) * tiles
    # As few positions for a partial sum as it takes to keep a GPU busy, but no less than 32 K.
    chunks = min(steps, _ceil(_GROUPS, _ceil(C_out, rows)), _ceil(N * length, 32 * K))
    steps_per_chunk = _ceil(steps, chunks)
    chunks = _ceil(steps, steps_per_chunk)
    channels = _channels(rows, layer.m)
    size = 32 * room["TAP_TEAMS"] * rows * (teams // rows)
    (partials,) = _WEIGHT_GRAD(
        [x, g, _sizes(left, blocks, tiles, samples, rows, channels, steps_per_chunk)],
        template=room,
        grid=(size * _ceil(C_out, rows), chunks, 1),
        threadgroup=(size, 1, 1),
        outputs=[((chunks, C_out, 1, K), mx.float32)],
    )
    return sum_partials(partials, x.dtype)


# The room in threadgroup memory, as template values of each kernel.


@cache
def _conv1d_room(layer: Layer) -> dict[str, int]:
    F = gcd(layer.m, 4)
    weights = 4 * max(F * layer.quads, _WEIGHTS)
    for threads in _threads(layer):
        plane = _plane(4 * threads + layer.halo + layer.spare(threads))
        if layer.stride * plane + weights + 4 * threads <= _FLOATS:
            return layer.template(F=F, THREADS=threads, PLANE=plane)
    raise _no_room(layer)


@cache
def _conv_transpose1d_room(layer: Layer) -> dict[str, int]:
    # A team that takes turns over many filters has few threads, and more outputs for each.
    teams = 4 if layer.m >= 4 and layer.stride <= 8 else 1
    R = 4 if layer.stride <= 2 or teams > 1 else 1
    weights = 4 * max(layer.quads, _WEIGHTS // teams)
    for threads in _threads(layer) if teams == 1 else (256,):
        run = R * threads // teams
        plane = _round_up(run + layer.halo + layer.spare(run // 4), 4)
        if teams * (plane + weights) + layer.stride * _plane(run) <= _FLOATS:
            return layer.template(R=R, TEAMS=teams, THREADS=threads, PLANE=plane)
    raise _no_room(layer)


@cache
def _weight_grad_room(layer: Layer) -> dict[str, int]:
    tap_teams, taps = 1, layer.K
    if layer.K > 16:  # parts begin on a whole float4 of a whole stride
        taps = _round_up(_ceil(layer.K, _ceil(layer.K, 16)), 4 * layer.stride)
        tap_teams, taps = _ceil(layer.K, taps), min(layer.K, taps)
    rows = min(_SIMDGROUPS // tap_teams, layer.m)
    # Less than there is, so that more groups run at once: one computes while others copy.
    for positions in (2048, 1024, 512, 256, 128, 64, 32):
        plane = _plane(_channels(rows, layer.m) * (positions + layer.halo))
        if layer.stride * plane + rows * positions <= 5120:
            return layer.template(
                TAPS=taps, TAP_TEAMS=tap_teams, POSITIONS=rows * positions, PLANE=plane
            )
    raise _no_room(layer)


def _no_room(layer: Layer) -> TooLarge:
    return TooLarge(f"no tile of a depthwise convolution with {layer} fits threadgroup memory")


def _threads(layer: Layer) -> tuple[int, ...]:
    """Sizes of a threadgroup, the best first: a long halo pays over many outputs."""
    return (512, 256, 128, 64, 32) if layer.halo > 128 else (256, 128, 64, 32)


def _most_taps(stride: int) -> int:
    """Taps of which one launch adds up the products: a sum is in a register."""
    return 128 if stride <= 8 else 16


def _channels(rows: int, m: int) -> int:
    """The most channels of x that `rows` neighbouring rows of g belong to."""
    if rows % m == 0 or m % rows == 0:
        return _ceil(rows, m)
    return (rows - 1) // m + 2


def _sizes(*values: int) -> mx.array:
    if max(map(abs, values)) > LARGEST_AXIS:
        raise TooLarge(f"a depthwise convolution with sizes {values}: the limit is {LARGEST_AXIS}")
    return mx.array(values, mx.int32)


def _plane(n: int) -> int:
    """Room for n values in a whole and odd number of float4: planes begin in different banks."""
    return (_ceil(n, 4) | 1) * 4


def _ceil(n: int, d: int) -> int:
    return -(-n // d)


def _round_up(n: int, to: int) -> int:
    return _ceil(n, to) * to
