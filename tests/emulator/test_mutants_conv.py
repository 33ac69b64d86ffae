"""A tiled depthwise convolution, right and broken in every way that comes to mind: the emulator
must accept the one and notice each of the others, whatever the optimiser and the order of threads.
"""

import re

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, missing
from metal_emulator.sample import ALL_ORDERS, LEVELS, ORDERS, Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

HEADER = """
inline float tap(threadgroup const float* x, threadgroup const float* w, int k) {
  return x[k] * w[k];
}
"""
BODY = """
  constexpr int TILE = 64;
  constexpr int SPAN = TILE + K - 1;
  threadgroup float tile[SPAN];
  threadgroup float taps[K];
  int L = x_shape[2];
  int L_out = y_length[0];
  int row = threadgroup_position_in_grid.y;
  int c = row % x_shape[1];
  int lane = thread_position_in_threadgroup.x;
  const device T* xr = x + row * L;
  device T* yr = y + row * L_out;
  if (lane < K) taps[lane] = w[c * K + lane];
  for (int part = 0; part < 2; ++part) {
    int start = (threadgroup_position_in_grid.x * 2 + part) * TILE;
    for (int i = lane; i < SPAN; i += TILE) {
      int j = start + i - P;
      tile[i] = (j >= 0 && j < L) ? float(xr[j]) : 0.0f;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    int t = start + lane;
    if (t < L_out) {
      float sum = b[c];
      for (int k = 0; k < K; ++k) sum += tap(tile + lane, taps, k);
      yr[t] = T(sum);
    }
    threadgroup_barrier(mem_flags::mem_none);  // the tile is used again
  }
"""
N, C, L, K, P = 2, 5, 150, 7, 1
L_OUT = L + 2 * P - K + 1  # not L: a row stride of the wrong array must show


def convolution(L=L, P=P):
    """Small integers, so that the sums are exact."""
    rng = np.random.default_rng(0)
    L_out = L + 2 * P - K + 1
    x, w, b = (rng.integers(-4, 5, s).astype(np.float32) for s in ((N, C, L), (C, K), (C,)))
    padded = np.pad(x, ((0, 0), (0, 0), (P, P)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, K, axis=2)
    y = np.einsum("nctk,ck->nct", windows, w) + b[:, None]
    return Sample(
        name="depthwise",
        header=HEADER,
        body=BODY.replace("mem_none", "mem_threadgroup"),
        inputs={
            "x": mx.array(x),
            "w": mx.array(w),
            "b": mx.array(np.concatenate([b, np.zeros(8, np.float32)])),
            "y_length": mx.array([L_out], mx.int32),
        },
        expected={"y": y},
        grid=(-(-L_out // 128) * 64, N * C, 1),
        threadgroup=(64, 1, 1),
        template={"T": mx.float32, "K": K, "P": P},
    )


BARRIER = "    threadgroup_barrier(mem_flags::mem_threadgroup);\n    int t"
AGAIN = "    threadgroup_barrier(mem_flags::mem_threadgroup);  // the tile"
LOAD = "(j >= 0 && j < L) ? float(xr[j]) : 0.0f"
STORE = "yr[t] = T(sum)"
READ_AFTER_WRITE = "threadgroup race: read after another thread's write"
UNINITIALISED = "uninitialised threadgroup read"

MUTANTS = {
    "missing barrier": (BARRIER, "    int t", READ_AFTER_WRITE),
    "barrier of no memory": (
        BARRIER,
        BARRIER.replace("mem_threadgroup", "mem_none"),
        READ_AFTER_WRITE,
    ),
    "barrier of device memory": (
        BARRIER,
        BARRIER.replace("mem_threadgroup", "mem_device"),
        READ_AFTER_WRITE,
    ),
    "barrier in a branch": (BARRIER, BARRIER.replace("thr", "if (lane < 40) thr", 1), "divergence"),
    "barrier in the load loop": (
        "float(xr[j]) : 0.0f;",
        "float(xr[j]) : 0.0f; threadgroup_barrier(mem_flags::mem_none);",
        "barrier divergence: the threads wait at different barriers",
    ),
    "no barrier on reuse": (
        AGAIN,
        "    // the tile",
        "threadgroup race: write after another thread's read",
    ),
    "return before the barrier": (
        BARRIER,
        "    if (start + lane >= L_out) return;\n" + BARRIER,
        "barrier divergence: other threads have returned",
    ),
    "left halo unchecked": (LOAD, LOAD.replace("j >= 0 && ", ""), "device read out of bounds"),
    "right halo unchecked": (LOAD, LOAD.replace(" && j < L", ""), "device read out of bounds"),
    "unguarded store": (
        "if (t < L_out)",
        "",
        # Which comes first: the next row's first values, or the end of the last row.
        "device race: write after another threadgroup's write|device write out of bounds",
    ),
    "span too short": ("TILE + K - 1;", "TILE + K - 2;", "threadgroup read out of bounds"),
    "load loop too short": ("i < SPAN;", "i < SPAN - 1;", UNINITIALISED),
    "weights not loaded": (
        "if (lane < K) taps[lane] = w[c * K + lane];",
        "",
        UNINITIALISED,
    ),
    "overlapping tiles": (
        "* TILE;",
        "* (TILE - 1);",
        "device race: write after another thread(group)?'s write on 'y'",
    ),
    "gap between tiles": ("* TILE;", "* (TILE + 1);", "output element never written on 'y'"),
    "row stride of x": ("x + row * L;", "x + row * L_out;", "wrong numbers"),
    "row stride of y": ("y + row * L_out;", "y + row * L;", "device write out of bounds on 'y'"),
    "tap off by one": ("i - P;", "i - P + 1;", "wrong numbers"),
    "halo from the wrong side": ("i - P;", "i - (K - 1 - P);", "wrong numbers"),
    "vector read of a smaller buffer": (
        "y_length[0]",
        "((constant int2*)y_length)[0].y",
        "device read out of bounds on 'y_length'",
    ),
    "another address space": (
        "const device T* xr",
        "const threadgroup T* xr",
        "cannot initialize a variable of type 'threadgroup float const",
    ),
    "device to thread pointer": (
        "const device T* xr",
        "const thread T* xr",
        "cannot initialize a variable of type 'const float",
    ),
    "pointer without a space": (
        "threadgroup const float* w,",
        "const float* w,",
        "no matching function for call to 'tap'",
    ),
    "write to an input": (
        STORE,
        "xr[0] = T(sum); " + STORE,
        "read-only variable is not assignable",
    ),
    "cast write to an input": (
        STORE,
        "((device T*)xr)[0] = T(sum); " + STORE,
        "write to an input on 'x'",
    ),
    "double": ("float sum =", "double sum =", "poisoned identifier"),
    "too much threadgroup memory": ("float tile[SPAN]", "float tile[9000]", "32 KiB"),
    "clash with a name of MLX": (
        "inline float tap",
        "template <typename U> struct Limits { U max; };\ninline float tap",
        "redefinition of 'Limits'",
    ),
    "unknown function": ("T(sum)", "T(to_nearest(sum))", "undeclared identifier 'to_nearest'"),
    "loop that never ends": (
        "k < K; ++k",
        "k < K; k += 0",
        "an endless loop",
    ),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_convolution_is_noticed(name, optimise, order):
    old, new, kind = MUTANTS[name]
    options = Options(mode=Mode(optimise=optimise), descending=order, budget=1 << 20)
    wrong = convolution().broken(old, new).verdict(options)
    assert any(re.search(kind, what) for what in wrong), wrong


@pytest.mark.parametrize("order", ALL_ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize(("length", "padding"), [(L, P), (3, 3), (61, 0), (64, 3), (200, 6)])
def test_the_right_convolution_runs_clean(length, padding, optimise, order):
    options = Options(mode=Mode(optimise=optimise), descending=order)
    assert convolution(length, padding).verdict(options) == []


@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize(("length", "padding"), [(L, P), (3, 3), (200, 6)])
def test_counts_follow_from_the_shape(length, padding, optimise):
    counts = convolution(length, padding).run(Options(mode=Mode(False, optimise))).counts
    rows, outputs = N * C, length + 2 * padding - K + 1
    tiles = 2 * -(-outputs // 128)
    starts = 64 * np.arange(tiles) - padding
    spans = np.clip(starts + 64 + K - 1, 0, length) - np.clip(starts, 0, length)
    assert counts.groups == rows * tiles // 2
    assert counts.loads["x"].accesses == rows * spans.sum()
    assert counts.stores["y"].accesses == rows * outputs
    assert counts.multiply_adds == rows * outputs * K
    assert counts.threadgroup_loads == 2 * counts.multiply_adds
    assert counts.threadgroup_stores == rows * tiles * (64 + K - 1) + counts.groups * K
    assert counts.threadgroup_bytes == 4 * (64 + K - 1 + K)
    assert counts.barriers == 2 * rows * tiles
    assert (counts.simd_ops, counts.matrix_macs) == (0, 0)


@pytest.mark.parametrize("contract", ["off", "fast"])
def test_fusing_multiply_adds_changes_neither_results_nor_counts(contract):
    run = convolution().run(Options(mode=Mode(contract=contract)))
    assert np.array_equal(np.array(run.outputs[0]), convolution().expected["y"])
    assert run.counts.multiply_adds == N * C * L_OUT * K
