#include "implicit_matmul.h"
#include "slide.h"
// kernel conv_transpose1d_matmul(x, weight, bias, plan, sizes) -> y
typedef lucid::Product<FM, WM, FQ, WQ, CB, SC, PX, W, SX, OB, SY> G;
threadgroup float memory[G::FLOATS];
lucid::implicit_matmul<G, SPARSE, BIAS>(
    x, weight, bias, plan, sizes, y, memory, threadgroup_position_in_grid,
    thread_index_in_threadgroup, simdgroup_index_in_threadgroup, thread_index_in_simdgroup);
// kernel conv_transpose1d_direct(x, w, bias, sizes) -> y
const int Cg = sizes[0], Og = sizes[1], L = sizes[2], length = sizes[3];
const int first = sizes[4], cut = sizes[5], width = sizes[6];
const int j = int(thread_position_in_grid.x), o = int(thread_position_in_grid.y);
const int groups = int(threads_per_grid.y) / Og;
const size_t row = size_t(thread_position_in_grid.z) * groups + o / Og;

// Output r: t + r*STEP*S, in phase `phase` of position q + r*STEP.
const int phase = j % S, q = j / S / width * (R * STEP) + j / S % width;
const int t = q * S + phase - cut;

// Its taps k, k + P, ...: those with k*D = e*S + phase for a whole e, which it meets in input q - e.
constexpr int COMMON = S / P;
const int k = int(long(phase / COMMON) * INVERSE % P);
const int count = phase % COMMON == 0 && k < K ? (K - 1 - k) / P + 1 : 0;
const int nearest = first + q - (k * D - phase) / S;
const int farthest = nearest - (count - 1) * STEP;
const bool inside = farthest >= 0 && nearest + (R - 1) * STEP < L && t >= 0 &&
                    t + (R - 1) * STEP * S < length;

float sum[R];
for (int r = 0; r < R; ++r) sum[r] = BIAS ? static_cast<float>(bias[o]) : 0.0f;
for (int c = 0; c < Cg && count > 0; ++c) {
  const auto from = x + (row * Cg + c) * L;
  const auto taps = w + ((size_t(o / Og) * Cg + c) * Og + o % Og) * K + k + (count - 1) * P;
  if (inside) {
    lucid::slide<R, false>(sum, from, farthest, STEP, L, taps, -P, count, t, STEP * S, length);
  } else {
    lucid::slide<R, true>(sum, from, farthest, STEP, L, taps, -P, count, t, STEP * S, length);
  }
}
device T* to = y + (size_t(thread_position_in_grid.z) * threads_per_grid.y + o) * length;
for (int r = 0; r < R; ++r) {
  const int at = t + r * STEP * S;
  if (at >= 0 && at < length) to[at] = static_cast<T>(sum[r]);
}
