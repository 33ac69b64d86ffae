"""Kernels that use memory and arithmetic in every way that Metal allows, and in some that it does
not: types, alignment, undefined values, atomics, overflow."""

import re
from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, missing
from metal_emulator.sample import ALL_ORDERS, LEVELS, ORDERS, Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

X = np.random.default_rng(0).integers(-4, 5, 64).astype(np.float32)


def elementwise(name, body, expected, **settings):
    """A kernel of one thread for each of the 64 elements of x, in threadgroups of 32."""
    settings = {"inputs": {"x": mx.array(X)}, "grid": (64, 1, 1), **settings}
    start = "  uint i = thread_position_in_grid.x;\n"
    return Sample(name, start + body, expected={"y": expected}, threadgroup=(32, 1, 1), **settings)


VECTORS = elementwise(
    "vectors",
    """
  float4 v = ((const device float4*)x)[i];
  half4 h = half4(v.wzyx);
  v = select(v, float4(h), v > float4(0.0f)) + clamp(v, -1.0f, 1.0f);
  ((device float4*)y)[i] = v;
""",
    np.where(X.reshape(-1, 4) > 0, X.reshape(-1, 4)[:, ::-1], X.reshape(-1, 4)).reshape(64)
    + X.clip(-1, 1),
    grid=(16, 1, 1),
)
ACCUMULATED = elementwise("accumulated", "  y[i] += x[i];\n", X + 1, init_value=1)
COUNTED = elementwise(
    "counted",
    "  atomic_fetch_add_explicit(&y[i % 4], x[i], memory_order_relaxed);\n",
    X.reshape(-1, 4).sum(0),
    atomic=True,
    init_value=0,
)
BRAIN = elementwise("brain", "  y[i] = T(float(x[i]) * 2.0f);\n", 2 * X)
BRAIN = replace(
    BRAIN,
    inputs={"x": mx.array(X).astype(mx.bfloat16)},
    dtype=mx.bfloat16,
    template={"T": mx.bfloat16},
)
FEW = elementwise(
    "few",
    "  y[i] = first(w) + x[i];\n",
    X + 3,
    header="template <typename P> inline float first(P w) { return w[0]; }\n",
    inputs={"w": mx.array([3.0] * 7), "x": mx.array(X)},
)
ARITHMETIC = elementwise(
    "arithmetic",
    """
  int n = int(i) + 1;
  float r[4] = {1, 2, 3, 4};
  float s = 0;
  s += r[n % 4] + TABLE[n % 5] + 64 / n + (1 << (n % 8)) + n * 100000;
  y[i] = s;
""",
    np.array(
        [1 + n % 4 + n % 5 + 64 // n + (1 << n % 8) + n * 100000 for n in range(1, 65)], np.float32
    ),
    header="constant float TABLE[5] = {0, 1, 2, 3, 4};\n",
)
HISTOGRAM = elementwise(  # of x from -4 to 4
    "histogram",
    """
  threadgroup atomic_uint bins[9];
  uint t = i % 32;
  if (t < 9) atomic_store_explicit(&bins[t], 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&bins[int(x[i]) + 4], 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = t < 9 ? float(atomic_load_explicit(&bins[t], memory_order_relaxed)) : 0.0f;
""",
    np.concatenate(
        [np.bincount((half + 4).astype(int), minlength=32) for half in X.reshape(2, 32)]
    ),
)
EXCHANGE = elementwise(
    "exchange",
    """
  threadgroup atomic_float last[1];
  uint t = i % 32;
  if (t == 0) atomic_store_explicit(&last[0], 1.5f, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = 0.0f;
  if (t == 1) y[i] = atomic_exchange_explicit(&last[0], 2.5f, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float expected = 2.5f;
  if (t == 2 && atomic_compare_exchange_weak_explicit(
      &last[0], &expected, 3.5f, memory_order_relaxed, memory_order_relaxed))
    y[i] = atomic_load_explicit(&last[0], memory_order_relaxed);
""",
    np.where(np.arange(64) % 32 == 1, 1.5, np.where(np.arange(64) % 32 == 2, 3.5, 0)),
)
BYTES = elementwise(  # neighbouring cells narrower than a word belong to different threads
    "bytes",
    """
  threadgroup uchar bytes[32];
  threadgroup half halves[2][16], singles[1];
  threadgroup float2 pairs[32];
  threadgroup half2 twins[16];
  uint t = i % 32;
  bytes[t] = uchar(t);
  halves[t / 16][t % 16] = half(x[i]);
  pairs[t] = float2(x[i], 1.0f);
  if (t < 16) twins[t] = half2(1.0f, 2.0f);  // by words, and read by halves
  if (t == 0) singles[0] = half(1.0);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  {
    threadgroup float again[32];
    again[t] = float(halves[1 - t / 16][t % 16]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    _Pragma("unroll") for (int k = 0; k < 2; ++k) again[t] += pairs[31 - t][k];
    y[i] = again[t] + float(bytes[31 - t]) + float(singles[0] + ((threadgroup half*)twins)[t]);
  }
""",
    (
        X.reshape(2, 2, 16)[:, ::-1].reshape(2, 32)
        + X.reshape(2, 32)[:, ::-1]
        + np.arange(32)[::-1]
        + 2
        + np.tile([1, 2], 16)
    ).reshape(64),
)

SAMPLES = (VECTORS, ACCUMULATED, COUNTED, BRAIN, FEW, ARITHMETIC, HISTOGRAM, EXCHANGE, BYTES)

UNWRITTEN = "read of an unwritten output on 'y'"

MUTANTS = {
    "vector load off its alignment": (
        VECTORS,
        "((const device float4*)x)[i]",
        "((const device float4*)(x + 1))[i % 15]",
        "misaligned access on 'x'",
    ),
    "read past a buffer": (ACCUMULATED, "+= x[i]", "+= x[i + 1]", r"'x': element 64 of 64"),
    "read before a buffer": (ACCUMULATED, "x[i]", "x[int(i) - 1]", r"'x': element -1 of 64"),
    "far outside a buffer": (
        ACCUMULATED,
        "x[i]",
        "x[size_t(i) << 33]",
        "device access outside every buffer",
    ),
    "plain write to an atomic": (
        COUNTED,
        "  atomic",
        "  if (i == 5) *(device float*)y = 1;\n  atomic",
        "device race: ",
    ),
    "implicit bfloat": (
        BRAIN,
        "T(float(x[i]) * 2.0f)",
        "float(x[i]) * 2.0f",
        "a float becomes a bfloat",
    ),
    "device pointer to a small input": (
        FEW,
        "template <typename P> inline float first(P w)",
        "inline float first(const device float* w)",
        "no matching function for call to 'first'",
    ),
    "small input indexed too far": (FEW, "w[0]", "w[7]", "'w': element 7 of 7"),
    "index overflow": (ARITHMETIC, "n * 100000", "n * 100000000", "signed integer overflow"),
    "thread array overrun": (ARITHMETIC, "r[n % 4]", "r[n % 5]", "array index out of bounds"),
    "constant array overrun": (ARITHMETIC, "[n % 5]", "[n % 6]", "array index out of bounds"),
    "constant pointer overrun": (
        ARITHMETIC,
        "TABLE[n % 5]",
        "*(&TABLE[0] + n % 6)",
        "constant read out of bounds",
    ),
    "write to a constant": (
        ARITHMETIC,
        "  y[i] = s",
        "  ((constant float*)TABLE)[0] = s; y[i] = s",
        "write to a constant",
    ),
    "write to a small input": (
        FEW,
        "  y[i] =",
        "  ((constant float*)w)[0] = 1; y[i] =",
        "write to an input on 'w'",
    ),
    "division by zero": (ARITHMETIC, "64 / n", "64 / (n - 1)", "division by zero"),
    "shift too far": (ARITHMETIC, "n % 8", "n", "shift by a negative or too large amount"),
    "uninitialised variable": (ARITHMETIC, "float s = 0", "float s", "wrong numbers"),
    "lost address space": (
        ARITHMETIC,
        "y[i] = s",
        "*(float*)(y + i) = s",
        "a pointer loses its address space",
    ),
    "atomics before they are set": (
        HISTOGRAM,
        "if (t < 9) atomic_store_explicit(&bins[t], 0u, memory_order_relaxed);",
        "",
        "uninitialised threadgroup read on 'bins'",
    ),
    "plain write and atomics": (
        HISTOGRAM,
        "if (t < 9) atomic_store",
        "*(threadgroup uint*)&bins[t % 9] = 0;\n  if (t < 9) atomic_store",
        "threadgroup race: write after another thread's write on 'bins'",
    ),
    "race of bytes": (BYTES, "bytes[t] =", "bytes[t / 2] =", "threadgroup race: .* on 'bytes'"),
    "race of halves": (BYTES, "halves[t / 16]", "halves[0]", "threadgroup race: .* on 'halves'"),
    "array of a block read too early": (
        BYTES,
        "again[t] += pairs",
        "again[t] += again[31 - t] * 0 + pairs",
        "threadgroup race: .* on 'again'",
    ),
    "half of a vector": (
        BYTES,
        "pairs[t] = float2(x[i], 1.0f);",
        "pairs[t].x = x[i];",
        "uninitialised threadgroup read on 'pairs'",
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


@pytest.mark.parametrize("sample", [ACCUMULATED, COUNTED], ids=lambda sample: sample.name)
def test_outputs_are_undefined_without_init_value(sample):
    wrong = replace(sample, init_value=None).verdict(Options())
    assert any(UNWRITTEN in what for what in wrong), wrong


def test_vector_loads_of_a_slice_are_misaligned():
    assert any("misaligned access on 'x'" in what for what in VECTORS.verdict(Options(misalign=1)))
    assert VECTORS.verdict(Options(misalign=4)) == []
