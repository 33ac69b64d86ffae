"""Kernels whose lanes work together, right and broken: reductions, matrices, shuffles, exchange
through threadgroup and device memory. Each broken one must be noticed, whatever the optimiser and
the order of threads."""

import re

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, missing
from metal_emulator.sample import ALL_ORDERS, LEVELS, ORDERS, Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def integers(*shape):
    return np.random.default_rng(0).integers(-4, 5, shape).astype(np.float32)


X = integers(3, 200)
ROW_SUMS = Sample(
    name="row_sums",
    body="""
  threadgroup float partial[8];
  uint t = thread_position_in_threadgroup.x;
  uint lane = thread_index_in_simdgroup;
  uint simd = simdgroup_index_in_threadgroup;
  uint row = threadgroup_position_in_grid.y;
  float sum = 0;
  for (uint i = t; i < 200; i += 128) sum += x[row * 200 + i];
  sum = simd_sum(sum);
  if (lane == 0) partial[simd] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simd == 0) {
    sum = simd_sum(lane < 4 ? partial[lane] : 0.0f);
    if (t == 0) y[row] = sum;
  }
""",
    inputs={"x": mx.array(X)},
    expected={"y": X.sum(1)},
    grid=(128, 3, 1),
    threadgroup=(128, 1, 1),
)

A, B = integers(16, 24), integers(24, 16)
MATMUL = Sample(
    name="matmul",
    body="""
  threadgroup float as[16 * 8];
  threadgroup float bs[8 * 8];
  uint t = thread_position_in_threadgroup.x;
  uint simd = simdgroup_index_in_threadgroup;
  uint column = threadgroup_position_in_grid.y * 8;
  simdgroup_float8x8 sum = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  for (uint k = 0; k < 24; k += 8) {
    for (uint i = t; i < 16 * 8; i += 64) as[i] = a[i / 8 * 24 + k + i % 8];
    bs[t] = b[(k + t / 8) * 16 + column + t % 8];
    threadgroup_barrier(mem_flags::mem_threadgroup);  // filled
    simdgroup_float8x8 left, right;
    simdgroup_load(left, as + simd * 64, 8);
    simdgroup_load(right, bs, 8);
    simdgroup_multiply_accumulate(sum, left, right, sum);
    threadgroup_barrier(mem_flags::mem_threadgroup);  // used
  }
  simdgroup_store(sum, y + simd * 8 * 16 + column, 16);
""",
    inputs={"a": mx.array(A), "b": mx.array(B)},
    expected={"y": A @ B},
    grid=(64, 2, 1),
    threadgroup=(64, 1, 1),
)

V = integers(96)
REVERSED = Sample(  # each simdgroup reverses its 32 values
    name="reversed",
    body="""
  threadgroup float part[3][32];
  uint i = thread_position_in_grid.x;
  uint lane = thread_index_in_simdgroup;
  uint simd = simdgroup_index_in_threadgroup;
  part[simd][lane] = x[i];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = part[simd][31 - lane];
""",
    inputs={"x": mx.array(V)},
    expected={"y": V.reshape(3, 32)[:, ::-1].reshape(96)},
    grid=(96, 1, 1),
    threadgroup=(96, 1, 1),
)

RAGGED = Sample(  # the last simdgroup has 8 lanes
    name="ragged",
    body="""
  uint i = thread_position_in_grid.x;
  y[i] = simd_shuffle_xor(x[i], 4) + simd_sum(x[i]);
""",
    inputs={"x": mx.array(V[:40])},
    expected={"y": V[np.arange(40) ^ 4] + np.repeat([V[:32].sum(), V[32:40].sum()], [32, 8])},
    grid=(40, 1, 1),
    threadgroup=(64, 1, 1),
)

SWAPPED = Sample(  # through device memory
    name="swapped",
    body="""
  uint i = thread_position_in_grid.x;
  y[i] = 2 * x[i];
  threadgroup_barrier(mem_flags::mem_device);
  z[i] = y[i ^ 16];
""",
    inputs={"x": mx.array(V[:64])},
    expected={"y": 2 * V[:64], "z": 2 * V[np.arange(64) ^ 16]},
    grid=(64, 1, 1),
    threadgroup=(32, 1, 1),
)

SAMPLES = (ROW_SUMS, MATMUL, REVERSED, RAGGED, SWAPPED)

RACE = "threadgroup race: "
READ_AFTER_WRITE = RACE + "read after another thread's write"
WRITE_AFTER_READ = RACE + "write after another thread's read"
WRITE_AFTER_WRITE = RACE + "write after another thread's write"
DIVERGENCE = "simdgroup divergence"
MISSING_LANE = "reads a lane that is not there"

MUTANTS = {
    "no barrier after simd_sum": (
        ROW_SUMS,
        "  threadgroup_barrier(mem_flags::mem_threadgroup);\n",
        "",
        "threadgroup race: .* on 'partial'",  # which access comes first depends on the order
    ),
    "all lanes write one cell": (ROW_SUMS, "if (lane == 0) part", "part", WRITE_AFTER_WRITE),
    "all lanes write one output": (
        ROW_SUMS,
        "if (t == 0) y",
        "y",
        "device race: write after another thread's write on 'y'",
    ),
    "simd_sum in a branch": (
        ROW_SUMS,
        "  sum = simd_sum(sum);",
        "  if (lane < 7) sum = simd_sum(sum);",
        DIVERGENCE,
    ),
    "more barriers for some threads": (
        ROW_SUMS,
        "sum += x[row * 200 + i];",
        "{ sum += x[row * 200 + i]; threadgroup_barrier(mem_flags::mem_none); }",
        "divergence",
    ),
    "one simdgroup too many": (ROW_SUMS, "lane < 4", "lane < 5", "uninitialised threadgroup read"),
    "read past a threadgroup array": (
        ROW_SUMS,
        "lane < 4 ?",
        "lane < 9 ?",
        "array index out of bounds",
    ),
    "no barrier before the matrices are read": (
        MATMUL,
        "threadgroup_barrier(mem_flags::mem_threadgroup);  // filled",
        "",
        READ_AFTER_WRITE,
    ),
    "no barrier before the matrices are written again": (
        MATMUL,
        "threadgroup_barrier(mem_flags::mem_threadgroup);  // used",
        "",
        WRITE_AFTER_READ,
    ),
    "matrix product in a branch": (
        MATMUL,
        "simdgroup_multiply_accumulate",
        "if (thread_index_in_simdgroup < 16) simdgroup_multiply_accumulate",
        DIVERGENCE,
    ),
    "matrix outside its array": (
        MATMUL,
        "as + simd * 64",
        "as + simd * 72",
        "threadgroup read out of bounds on 'as'",
    ),
    "matrix stored over its neighbour": (
        MATMUL,
        "y + simd * 8 * 16",
        "y + simd * 4 * 16",
        "device race: write after another thread's write on 'y'",
    ),
    "no simdgroup barrier": (
        REVERSED,
        "simdgroup_barrier(mem_flags::mem_threadgroup);",
        "",
        READ_AFTER_WRITE,
    ),
    "simdgroup barrier of no memory": (
        REVERSED,
        "mem_flags::mem_threadgroup",
        "mem_flags::mem_none",
        READ_AFTER_WRITE,
    ),
    "simdgroup barrier between simdgroups": (
        REVERSED,
        "part[simd][31",
        "part[2 - simd][31",
        READ_AFTER_WRITE,
    ),
    "shuffle from a lane that never was": (RAGGED, ", 4)", ", 8)", MISSING_LANE),
    "shuffle from a lane that returned": (
        RAGGED,
        "  y[i] =",
        "  if (i >= 36) { y[i] = 0; return; }\n  y[i] =",
        MISSING_LANE,
    ),
    "no barrier between writing and reading an output": (
        SWAPPED,
        "threadgroup_barrier(mem_flags::mem_device);",
        "",
        "device race: read after another thread's write on 'y'",
    ),
    "threadgroup barrier for device memory": (
        SWAPPED,
        "mem_device",
        "mem_threadgroup",
        "device race: read after another thread's write on 'y'",
    ),
    "barrier between threadgroups": (
        SWAPPED,
        "i ^ 16",
        "i ^ 32",
        "device race: .* another threadgroup's write on 'y'",
    ),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_kernel_is_noticed(name, optimise, order):
    sample, old, new, kind = MUTANTS[name]
    options = Options(mode=Mode(optimise=optimise), descending=order)
    wrong = sample.broken(old, new).verdict(options)
    assert any(re.search(kind, what) for what in wrong), wrong


@pytest.mark.parametrize("order", ALL_ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_right_kernel_runs_clean(sample, optimise, order):
    assert sample.verdict(Options(mode=Mode(optimise=optimise), descending=order)) == []
