"""Launching a convolution of many channels as a tiled matrix product: `metal/implicit_matmul.h`.

The shader knows ordinary and transposed convolutions as one sum over channels and taps. What tells
them apart is the plan made here: where a tap falls in x, which taps make a fragment of 8x8, which
row is which channel and phase. The weight is packed accordingly at every call, since it changes
with every step of training: a small copy.
"""

from __future__ import annotations

from functools import lru_cache
from math import lcm
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from lucid.kernels.metal import Kernel

WINDOW = 4608  # floats of x in threadgroup memory at most: 18 of 32 KiB
STAGED = 2560  # as many where channels can be had: fewer barriers, yet several groups in a core
BUSY = 512  # threadgroups that fill a GPU: 12 in each of 40 cores
EMPTY = -1  # a place that no tap takes

# Fragments of rows in a tile -> FM, WM, FQ, WQ of the struct Product. Each of 4 simdgroups has 8 to
# 21 fragments of sums. The last tile is the 64 by 64 of MLX's own matmul.
TILES = {
    1: (1, 1, 8, 4),
    2: (2, 1, 8, 4),
    3: (3, 1, 4, 4),
    4: (4, 1, 4, 4),
    5: (5, 1, 4, 4),
    6: (3, 2, 6, 2),
    7: (7, 1, 3, 4),
    8: (4, 2, 4, 2),
}


class Plan(NamedTuple):
    """How the weight of one layer runs."""

    template: dict[str, int]  # of the struct Product
    taps: np.ndarray  # (taps in order, padded to fragments; SY): the tap k or EMPTY
    chunks: int  # windows of x that the taps need
    table: mx.array  # chunks, offsets and presence, as the shader reads them
    sparse: bool  # whether some fragment of the weight is all zero, and skipped
    products: int  # multiply-adds for one position of one group


@lru_cache(maxsize=256)
def ordinary(Cg: int, Og: int, K: int, stride: int, dilation: int) -> Plan:
    """The plan of a convolution from Cg to Og channels: a row is a channel, tap k lies at
    k*dilation."""
    return _plan(Cg, Og, np.arange(K)[:, None], np.arange(K) * dilation, stride)


@lru_cache(maxsize=256)
def transposed(Cg: int, Og: int, K: int, stride: int, dilation: int) -> Plan:
    """The plan of a transposed convolution from Cg to Og channels: a row is a channel in one phase,
    and the shifts e with k*dilation = e*stride + phase are its taps, the farthest at 0."""
    shifts, phases = np.divmod(np.arange(K) * dilation, stride)
    distinct, index = np.unique(shifts, return_inverse=True)
    taps = np.full((len(distinct), stride), EMPTY)
    taps[index, phases] = np.arange(K)
    return _plan(Cg, Og, taps, distinct[-1] - distinct, 1)


def _plan(Cg: int, Og: int, taps: np.ndarray, offsets: np.ndarray, SX: int) -> Plan:
    """The cheapest over the shapes of fragments: CB channels by 8/CB taps, and rows of OB channels
    by 8/OB phases."""
    orders = [OB for OB in (8, 4, 2, 1) if Og % OB == 0] if taps.shape[1] > 1 else [8]
    plans = (_fragments(Cg, Og, taps, offsets, SX, CB, OB) for OB in orders for CB in (8, 4, 2, 1))
    return min(plans, key=_cost)


def _cost(plan: Plan) -> float:
    """Multiply-adds, and a tenth more where stores, or loads, come in pieces: where a tile of rows
    ends amid the phases of a channel, or a window takes a few phases of the stride only."""
    t = plan.template
    whole = 8 * t["FM"] * t["WM"] % (t["OB"] * t["SY"]) == 0
    wide = t["PX"] >= min(t["SX"], 16)
    return plan.products * (1.0 if whole else 1.1) * (1.0 if wide else 1.1)


def _fragments(
    Cg: int, Og: int, taps: np.ndarray, offsets: np.ndarray, SX: int, CB: int, OB: int
) -> Plan:
    """The plan with these fragments."""
    SY, TB = taps.shape[1], 8 // CB
    FM, WM, FQ, WQ = TILES[_tile(-(-Og * SY // 8), lcm(OB * SY, 8) // 8)]
    BQ = 8 * FQ * WQ

    shifts, phases = np.divmod(offsets, SX)
    most = max(1, WINDOW // (CB * (BQ + min(int(shifts.max()), BQ))))
    needed = int(phases.max()) + 1
    PX = -(-needed // -(-needed // most))

    order = np.lexsort((phases, shifts, phases // PX))
    windows = _windows(shifts[order], phases[order] // PX, BQ)
    W = BQ + max(int(shifts[order[stop - 1]] - shifts[order[first]]) for first, stop in windows)
    chunks: list[tuple[int, int, int]] = []  # place in x, first fragment of taps, stop
    places: list[int] = []  # of the taps in the order of fragments
    tile: list[int] = []  # where they lie in threadgroup memory
    for first, stop in windows:
        shift, phase = shifts[order[first]], phases[order[first]] // PX * PX
        inside = np.sort(order[first:stop])
        at = (phases[inside] - phase) * W + shifts[inside] - shift
        fill = -len(inside) % TB
        begin = len(places) // TB
        places += [*inside, *[EMPTY] * fill]
        tile += [*at, *[at[-1]] * fill]
        chunks.append((shift * SX + phase, begin, len(places) // TB))

    taps = np.concatenate([taps, np.full((1, SY), EMPTY)])[places]
    present = _presence(taps, TB, Og * SY, OB)
    depth = min(max(STAGED // (CB * PX * W), 1), 32 // CB, -(-Cg // CB))
    sizes = {"FM": FM, "WM": WM, "FQ": FQ, "WQ": WQ, "CB": CB, "SC": CB * depth}
    table = np.concatenate([np.ravel(chunks), tile, present.ravel()])
    return Plan(
        template={**sizes, "PX": PX, "W": W, "SX": SX, "OB": OB, "SY": SY},
        taps=taps,
        chunks=len(chunks),
        table=mx.array(np.pad(table, (0, 8)), mx.int32),  # from 8 on, MLX declares it `device`
        sparse=not present.all(),
        products=64 * -(-Cg // CB) * int(present.sum()),
    )


def _tile(fragments: int, unit: int) -> int:
    """Fragments of rows in a tile: at most 8, the same in all tiles, and whole units, in which all
    phases of some channels lie, where 8 hold one."""
    unit = unit if unit <= 8 else 1
    tiles = -(-fragments // (8 // unit * unit))
    return -(-fragments // (tiles * unit)) * unit


def _windows(shifts: np.ndarray, blocks: np.ndarray, reach: int) -> list[tuple[int, int]]:
    """Runs (first, stop) of taps that lie in the same block of phases and within `reach`."""
    windows, first = [], 0
    for i in range(1, len(shifts) + 1):
        if i == len(shifts) or blocks[i] != blocks[first] or shifts[i] - shifts[first] > reach:
            windows.append((first, i))
            first = i
    return windows


def _presence(taps: np.ndarray, TB: int, rows: int, OB: int) -> np.ndarray:
    """(fragments of rows, fragments of taps): whether any of its rows has any of its taps."""
    SY = taps.shape[1]
    has = (taps.reshape(-1, TB, SY) != EMPTY).any(1)
    row = np.arange(-(-rows // 8) * 8)
    return (has[:, row // OB % SY] & (row < rows)).reshape(len(has), -1, 8).any(2).T


def pack(w: mx.array, plan: Plan) -> mx.array:
    """w (groups, Og, Cg, K) as the shader reads it: (groups, fragments of rows, of channels, of
    taps, 8, 8), where the last axis runs over CB channels in TB taps."""
    G, Og, Cg, K = w.shape
    SY, OB, CB = (plan.template[name] for name in ("SY", "OB", "CB"))
    if not np.array_equal(plan.taps.ravel(), np.arange(K)):
        w = mx.pad(w, [(0, 0)] * 3 + [(0, 1)])  # a tap of zeros
        w = w[..., mx.array(np.where(plan.taps == EMPTY, K, plan.taps).ravel())]
    OB = OB if SY > 1 else 1
    w = w.reshape(G, Og // OB, OB, Cg, -1, SY).transpose(0, 1, 5, 2, 3, 4)
    w = w.reshape(G, Og * SY, Cg, -1)
    if Og * SY % 8 or Cg % CB:
        w = mx.pad(w, [(0, 0), (0, -Og * SY % 8), (0, -Cg % CB), (0, 0)])
    w = w.reshape(G, -1, 8, w.shape[2] // CB, CB, len(plan.taps) * CB // 8, 8 // CB)
    return w.transpose(0, 1, 3, 5, 2, 6, 4).reshape(-1)


def launch(
    kernel: Kernel,
    plan: Plan,
    x: mx.array,
    w: mx.array,
    bias: mx.array | None,
    length: int,
    *,
    origin: int,
    cut: int,
    positions: int,
) -> mx.array:
    """y (N, groups*Og, length) of x (N, groups*Cg, L) and w (groups, Og, Cg, K)."""
    (N, _, L), (G, Og, Cg, _) = x.shape, w.shape
    FM, WM, FQ, WQ, SY = (plan.template[name] for name in ("FM", "WM", "FQ", "WQ", "SY"))
    rows = -(-Og * SY // (8 * FM * WM))
    columns = -(-positions // (8 * FQ * WQ))
    # One threadgroup takes several tiles in a row where enough are left to fill the GPU: the weight
    # then comes from its caches.
    tiles = min(max(rows * columns * N * G // BUSY, 1), 8)
    w = pack(w, plan)
    taps = len(plan.taps) * plan.template["CB"] // 8
    sizes = [Cg, Og, G, L, length, origin, cut, positions, tiles, plan.chunks, taps]
    (y,) = kernel(
        [x, w, w if bias is None else bias, plan.table, mx.array(sizes, mx.int32)],
        template={"T": x.dtype, "SPARSE": plan.sparse, "BIAS": bias is not None, **plan.template},
        grid=(rows * 32 * WM * WQ, -(-columns // tiles), N * G),
        threadgroup=(32 * WM * WQ, 1, 1),
        outputs=[((N, G * Og, length), x.dtype)],
    )
    return y
