#include "implicit_matmul.h"
#include "slide.h"
// kernel conv1d_matmul(x, weight, bias, plan, sizes) -> y
typedef lucid::Product<FM, WM, FQ, WQ, CB, SC, PX, W, SX, OB, SY> G;
threadgroup float memory[G::FLOATS];
lucid::implicit_matmul<G, SPARSE, BIAS>(
    x, weight, bias, plan, sizes, y, memory, threadgroup_position_in_grid,
    thread_index_in_threadgroup, simdgroup_index_in_threadgroup, thread_index_in_simdgroup);
// kernel conv1d_direct(x, w, bias, sizes) -> y
const int Cg = sizes[0], Og = sizes[1], L = sizes[2], length = sizes[3];
const int left = sizes[4], width = sizes[5];
const int j = int(thread_position_in_grid.x), o = int(thread_position_in_grid.y);
const int groups = int(threads_per_grid.y) / Og;
const size_t row = size_t(thread_position_in_grid.z) * groups + o / Og;

// Output r: t + r*STEP. Its taps k, k + P, ... meet inputs STEP*S apart.
const int t = j / width * (R * STEP) + j % width;
const int start = t * S - left;
const bool inside = start >= 0 && start + (R - 1) * STEP * S + (K - 1) * D < L &&
                    t + (R - 1) * STEP < length;

float sum[R];
for (int r = 0; r < R; ++r) sum[r] = BIAS ? static_cast<float>(bias[o]) : 0.0f;
for (int c = 0; c < Cg; ++c) {
  const auto from = x + (row * Cg + c) * L;
  const auto taps = w + (size_t(o) * Cg + c) * K;
  for (int k = 0; k < (P < K ? P : K); ++k) {
    const int at = start + k * D, count = (K - 1 - k) / P + 1;
    if (inside) {
      lucid::slide<R, false>(sum, from, at, STEP * S, L, taps + k, P, count, t, STEP, length);
    } else {
      lucid::slide<R, true>(sum, from, at, STEP * S, L, taps + k, P, count, t, STEP, length);
    }
  }
}
device T* to = y + (size_t(thread_position_in_grid.z) * threads_per_grid.y + o) * length;
for (int r = 0; r < R; ++r) {
  if (t + r * STEP < length) to[t + r * STEP] = static_cast<T>(sum[r]);
}
