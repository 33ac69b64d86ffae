"""Arrays in registers, and in memory."""

import pytest

from metal_emulator.registers import Array, in_memory

pytestmark = pytest.mark.usefixtures("compiler")

KERNEL = """\
template <int N> inline void fill(thread float* a, float x) {
  UNROLL
  for (int i = 0; i < N; i++)
    a[i] = x * i;
}
kernel void f(const device float* x, device float* y, constant int& n) {
  float kept[16];
  fill<16>(kept, x[0]);
  threadgroup float shared[16];
  shared[0] = x[1];
  float sum = shared[n];
  for (int k = 0; k < n; k++) {
    UNROLL
    for (int i = 0; i < 16; i++)
      sum += kept[INDEX] * x[k];
  }
  y[0] = sum;
}
"""
UNROLL = '_Pragma("clang loop unroll(full)")'


def arrays(index, unroll=UNROLL):
    return in_memory(KERNEL.replace("INDEX", index).replace("UNROLL", unroll), "f")


def test_indices_that_are_known_once_loops_are_unrolled():
    assert arrays("i") == arrays("15 - i") == ()


def test_an_index_that_is_known_at_run_time_only():
    assert arrays("(i + k) % 16") == (Array("kept", 7),)


def test_a_loop_that_stays():
    assert arrays("i", '_Pragma("clang loop unroll(disable)")') == (Array("kept", 7),)


def test_vectors_and_matrices():
    body = """kernel void f(const device float* x, device float* y, constant int& n) {
      float4 v[2] = {float4(x[0]), float4(x[1])};
      simdgroup_float8x8 m[2];
      m[0].thread_elements()[0] = x[2];
      m[1].thread_elements()[1] = x[3];
      simdgroup_multiply_accumulate(m[1], m[0], m[0], m[1]);
      y[0] = v[INDEX].x + m[INDEX].thread_elements()[0];
    }"""
    assert in_memory(body.replace("INDEX", "1"), "f") == ()
    assert in_memory(body.replace("INDEX", "n"), "f") == (Array("m", 3), Array("v", 2))
