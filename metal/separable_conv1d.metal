// The depthwise-separable block in one kernel: a depthwise convolution, then a pointwise one,
// without writing the signal between them.
//
//   mid[n, m, t] = T(mid_bias[m] + sum over k of depthwise[m, k] x[n, m / M, t*S + k*D - left])
//   y[n, o, t] = f(bias[o] + sum over m of pointwise[o, m] mid[n, m, t]),  f the identity or relu
//
// Shapes: x (N, C_in, L), depthwise (C_mid, 1, K) with C_mid = M*C_in, pointwise (C_out, C_mid)
// with both rounded up to 8 by rows and columns of zeros, y (N, C_out, length).
//
// A group of 2*ROWS simdgroups computes a tile of 32*ROWS outputs o x 64 positions t, each simdgroup
// 4 x 4 fragments of 8x8 in registers. It walks over the channels between in blocks of BM: it
// stages the channels of x that they need in threadgroup memory, split by phase (`phases.h`); each
// simdgroup convolves whole rows of 64 positions into `mid`; then every simdgroup multiplies its
// part of pointwise, which it has read from device memory at the start of the block, with `mid`.
// Two barriers a block: the next block's x may be staged while slower simdgroups still multiply.
//
// Grid: (64*ROWS * tiles of t, tiles of o, N); threadgroup: 64*ROWS threads.
// Work: the depthwise products are the useful ones, once per tile of o; in the pointwise ones
//   C_out, C_mid and each row of t are rounded up to 8.
// Traffic: x is read once per tile of o, plus the reach of the taps once per tile of t; y is
//   written once; the weights are read by every group, out of the cache. Two kernels would write and
//   read mid besides.
// Precision: products and sums in float; mid is rounded to T, so that the result is that of two
//   kernels. Positions in a row are 32-bit, offsets of rows 64-bit.
#include "matrix.h"
#include "phases.h"
// kernel separable_conv1d(x, depthwise, mid_bias, pointwise, bias, place) -> y
constexpr int BT = 64;
constexpr int SIMDGROUPS = 2 * ROWS;
constexpr int SPAN = BT + (K - 1) / PHASES * STEP;
// Rows of 4 modulo 8 floats: the lanes of a fragment fall into different banks.
constexpr int X_ROW = (SPAN + 3) / 8 * 8 + 4;
constexpr int MID_ROW = BT + 4;
threadgroup float xs[BM * PHASES * X_ROW];
threadgroup float mid[BM * MID_ROW];

const int left = place[0], length = place[1], C_mid = place[2], C_out = place[3];
const int C_in = x_shape[1], L = x_shape[2];
const int M = C_mid / C_in;
const int pointwise_row = pointwise_shape[1];

const int n = int(threadgroup_position_in_grid.z);
const int o0 = int(threadgroup_position_in_grid.y) * 32 * ROWS;
const int t0 = int(threadgroup_position_in_grid.x) * BT;
const int stop = min(BT, length - t0);

const int thread_index = int(thread_index_in_threadgroup);
const int simdgroup = int(simdgroup_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const int i0 = o0 + simdgroup % ROWS * 32, j0 = simdgroup / ROWS * 32;
const int row_fragments = (C_out - i0 + 7) / 8, column_fragments = (stop - j0 + 7) / 8;

lucid::Fragment sums[4][4];
#pragma clang loop unroll(full)
for (int i = 0; i < 4; i++) {
#pragma clang loop unroll(full)
  for (int j = 0; j < 4; j++) {
    lucid::clear(sums[i][j]);
  }
}

for (int m0 = 0; m0 < C_mid; m0 += BM) {
  const int block = min(BM, C_mid - m0);
  const int c0 = m0 / M, channels = (m0 + block - 1) / M - c0 + 1;
  const size_t x_channel = static_cast<size_t>(n) * C_in + c0;

  // The weights of the block come straight from memory, long before they are needed.
  lucid::Fragment a[BM / 8][4];
#pragma clang loop unroll(full)
  for (int m = 0; m < BM; m += 8) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      if (m < block && i < row_fragments) {
        const size_t row = static_cast<size_t>(i0 + 8 * i) * pointwise_row;
        lucid::load(a[m / 8][i], pointwise + row + m0 + m, pointwise_row, 1, lane);
      }
    }
  }

  lucid::stage_phases<PHASES, S, D, SPAN, X_ROW, 32 * SIMDGROUPS>(
      xs, x + x_channel * L, L, channels, t0 * S - left, thread_index);
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);

  // A simdgroup convolves a row, a lane every 32nd position of it. Rows that only fill up a fragment
  // are zeros.
  for (int m = simdgroup; m < (block + 7) / 8 * 8; m += SIMDGROUPS) {
    float values[2] = {0.0f, 0.0f};
    if (m < block) {
      const int row = ((m0 + m) / M - c0) * PHASES * X_ROW + lane;
      for (int k = 0; k < K; k++) {
        const float weight = static_cast<float>(depthwise[(m0 + m) * K + k]);
        const int tap = row + k % PHASES * X_ROW + k / PHASES * STEP;
#pragma clang loop unroll(full)
        for (int r = 0; r < 2; r++) {
          if (lane + 32 * r < stop) {
            values[r] += weight * xs[tap + 32 * r];
          }
        }
      }
      const float shift = static_cast<float>(mid_bias[m0 + m]);
#pragma clang loop unroll(full)
      for (int r = 0; r < 2; r++) {
        values[r] = static_cast<float>(static_cast<T>(values[r] + shift));
      }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < 2; r++) {
      mid[m * MID_ROW + lane + 32 * r] = values[r];
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);

#pragma clang loop unroll(full)
  for (int m = 0; m < BM; m += 8) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
      if (m < block && j < column_fragments) {
        lucid::Fragment b;
        lucid::load(b, mid + m * MID_ROW + j0 + 8 * j, MID_ROW, 1, lane);
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) {
          if (i < row_fragments) {
            lucid::multiply_accumulate(sums[i][j], a[m / 8][i], b);
          }
        }
      }
    }
  }
}

#pragma clang loop unroll(full)
for (int i = 0; i < 4; i++) {
  const int o = i0 + 8 * i + lucid::fragment_row(lane);
  if (o < C_out) {
    const float shift = static_cast<float>(bias[o]);
    const size_t row = (static_cast<size_t>(n) * C_out + o) * length;
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
#pragma clang loop unroll(full)
      for (int e = 0; e < 2; e++) {
        const int t = j0 + 8 * j + lucid::fragment_column(lane) + e;
        if (t < stop) {
          const float value = sums[i][j].thread_elements()[e] + shift;
          y[row + t0 + t] = static_cast<T>(RELU && value < 0.0f ? 0.0f : value);
        }
      }
    }
  }
}
