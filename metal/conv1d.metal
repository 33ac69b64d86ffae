// 1-D convolution, dense and grouped, any stride; also the gradient of x of a transposed one.
//
//   y[n, o, t] = bias[o] + sum over c, k of w[o, c, k] * x[n, c, t*S + k*D - left]
//
// Shapes: x (N, C_in, L), w (C_out, Cg, K), y (N, C_out, length), C_in = groups*Cg. What lies
// outside of x counts as zero, so padding of any size on either side is free, and a causal layer
// needs no copy. Positions are 32-bit, offsets of rows 64-bit. Products and sums in float for every
// T.
//
// `matmul`: many channels; see implicit_matmul.h. Output channels are the rows of a matrix product
//   whose reduction runs over input channels and taps. x is staged split by phase of the stride, so
//   that every tap reads it with stride 1.
//   Grid: tiles of rows (8 to 64) x runs of tiles of positions t (64 to 256) x N*groups; 128
//   threads.
//   Multiply-adds: rows and positions rounded up to 8; channels and taps together, so that one
//   channel with 16 taps fills two fragments.
//   Traffic: y once; x, and the reach of the taps, once per tile of rows; the weight once per run.
//   A tile of 64 x 64 makes 8 multiply-adds for each byte of float that it reads: a layer with more
//   of them per byte of x, w and y reads those more often, from the caches that threadgroups share,
//   and is bound by arithmetic.
//
// `direct`: few output channels, which would leave most of an 8x8 fragment empty. A thread keeps OC
//   channels of R outputs in registers and walks over input channels and taps (slide.h); taps whose
//   distance the stride divides share inputs.
//   Multiply-adds: the useful ones and no others.
//   Grid: (blocks of R positions, channels / OC, N); threadgroups of up to 256, 32 or more along t,
//   the rest along channels, which share the reads of x.
//   Traffic: y and w once; x once per threadgroup along channels, from the caches. What a simdgroup
//   reads of x is contiguous, R*S values a lane.
#include "implicit_matmul.h"
#include "slide.h"
// kernel conv1d_matmul(x, weight, bias, plan, sizes) -> y
typedef lucid::Product<FM, WM, FQ, WQ, CB, SC, PX, W, SX, OB, SY> G;
threadgroup float memory[G::FLOATS];
lucid::implicit_matmul<G, SPARSE, BIAS>(
    x, weight, bias, plan, sizes, y, memory, threadgroup_position_in_grid,
    thread_index_in_threadgroup, simdgroup_index_in_threadgroup, thread_index_in_simdgroup);
// kernel conv1d_direct(x, w, bias, sizes) -> y
const int Cg = sizes[0], Og = sizes[1], groups = sizes[2], L = sizes[3], length = sizes[4];
const int left = sizes[5];
const int width = sizes[6];  // outputs side by side, that share no inputs
const int j = int(thread_position_in_grid.x), o = int(thread_position_in_grid.y) * OC;
const int n = int(thread_position_in_grid.z), g = o / Og;

// Output r is t + r*STEP. Its taps k, k + P, ... meet inputs STEP*S apart.
const int t = j / width * (R * STEP) + j % width;
const int start = t * S - left;
const bool inside = start >= 0 && start + (R - 1) * STEP * S + (K - 1) * D < L &&
                    t + (R - 1) * STEP < length;

float sum[OC * R];
#pragma clang loop unroll(full)
for (int i = 0; i < OC * R; ++i) sum[i] = BIAS ? static_cast<float>(bias[o + i / R]) : 0.0f;
for (int c = 0; c < Cg; ++c) {
  const auto from = x + ((size_t(n) * groups + g) * Cg + c) * L;
  const auto taps = w + (size_t(o) * Cg + c) * K;
  for (int k = 0; k < (P < K ? P : K); ++k) {
    const int at = start + k * D, count = (K - 1 - k) / P + 1;
    if (inside) {
      lucid::slide<OC, R, false>(
          sum, from, at, STEP * S, L, taps + k, P, Cg * K, count, t, STEP, length);
    } else {
      lucid::slide<OC, R, true>(
          sum, from, at, STEP * S, L, taps + k, P, Cg * K, count, t, STEP, length);
    }
  }
}
device T* to = y + (size_t(n) * groups * Og + o) * length;
#pragma clang loop unroll(full)
for (int i = 0; i < OC * R; ++i) {
  const int at = t + i % R * STEP;
  if (at < length) to[size_t(i / R) * length + at] = static_cast<T>(sum[i]);
}
