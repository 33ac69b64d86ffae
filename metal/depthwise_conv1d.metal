// Depthwise 1-D convolution, m filters for each channel: forward, transposed and weight gradient.
//
//   depthwise_conv1d:             y[n, c*m + j, t] = b[c*m + j]
//                                   + sum over k of w[c*m + j, k] x[n, c, t*S + k*D - left]
//   depthwise_conv_transpose1d:   y[n, c, t] = b[c] + sum over j, k of w[c*m + j, k] x[n, c*m + j, i]
//                                   where i*S + k*D = t + left
//   depthwise_conv1d_weight_grad: gw[c*m + j, k] = sum over n, t of
//                                   g[n, c*m + j, t] x[n, c, t*S + k*D - left]
//
// The transposed convolution is also the gradient of x of the forward one.
// Shapes: x (N, C, L), w (C*m, 1, K), b (C*m,), y and g (N, C*m, length); x and y change places in
// the transposed one. A row is the values of one (n, c). Outside of a row there are zeros.
//
// All three are bound by memory: a product or two for each byte. So a group of at most 512 threads
// copies a stretch of x with its halo of (K - 1)*D values into threadgroup memory, as float, with
// neighbouring threads at neighbouring addresses, whatever the alignment of the row. There each
// thread reads whole float4 and keeps the last two in registers: four neighbouring outputs cost
// about one read and 4 products for each tap. Results go back through threadgroup memory, so that
// writes too are runs of neighbouring addresses. Where rows are short, a group takes several
// neighbouring ones, whose addresses follow each other; the last threads of a group may have
// nothing to do, but meet every barrier.
//
// With a stride, tap k meets x[t*S + k*D - left] = plane[p][t + e], where k*D = e*S + p and
// plane[p][q] = x[q*S + p - left]: x is sorted into S planes on its way in (`tile.h`), where every
// tap has stride 1. The transposed convolution is the mirror image: output u = t + left = q*S + p
// is the sum over the taps of phase p of w[k] x[q - e]. A thread makes all S phases of its q, for
// which it reads x once, and they interleave on their way out. No zero is inserted or multiplied,
// except those that pad a row.
//
// depthwise_conv1d
//   Thread: 4 outputs of F filters, F = 1, 2 or 4, from the same reads of x. A group goes through
//   8*S filters for one tile of x. Ends of rows, less than 4 outputs, one by one.
//   Grid: (threads * tiles of a row * groups of rows, groups of filters).
//   Traffic: x once, and the halo once more per tile; w once per tile; y once. With many filters x
//   is read again for each 8*S of them, an eighth of what is written.
//
// depthwise_conv_transpose1d
//   Thread: S phases of R positions q, R = 4 for S <= 2, else 1. From 4 filters on, as behind an
//   encoder of one channel, 4 teams of 64 threads take turns over them and add up in the end.
//   Grid: threads * tiles of a row * groups of rows.
//   Traffic: as above.
//
// depthwise_conv1d_weight_grad
//   A group takes one row of g, or `g_rows` neighbouring ones that share x or are short, and walks
//   through a chunk of their positions (n, t), tile by tile. Threads split the positions of a row;
//   each keeps up to 32 sums in registers. More than 16 taps are split among TAP_TEAMS teams, which
//   share the tiles. Simdgroups add up by simd_sum, the group in the order of its simdgroups, and
//   `sum_partials` the chunks (chunks, C*m, K) in theirs: no atomics, the same result every time.
//   Grid: (threads * groups of rows, chunks); the number of chunks depends on the shapes alone.
//   Traffic: x and g once for all taps; partials are 1/32 of g at most.
//
// Precision: products and sums in float for every T, rounded once at the end. Positions in a row are
// 32-bit, offsets of rows 64-bit.
#include "taps.h"
// kernel depthwise_conv1d(x, w, b, sizes) -> y
constexpr int QUADS = (K + 3) / 4;
constexpr int WEIGHTS = F * QUADS > 128 ? F * QUADS : 128;
threadgroup float4 x_tile[S * PLANE / 4];
threadgroup float4 w_tile[WEIGHTS];
threadgroup float4 y_tile[THREADS];

const int length = sizes[0], left = sizes[1], blocks = sizes[2], tiles = sizes[3];
const int rows_per_group = sizes[4], filters_per_group = sizes[5];
const int C = x_shape[1], L = x_shape[2], m = w_shape[0] / C;

// The group's tile of rows (n, c), and the block of 4 outputs in it that is this thread's. Threads
// past the last block are not active.
const int group = int(threadgroup_position_in_grid.x);
const int t0 = group % tiles * blocks * 4;
const int first_row = group / tiles * rows_per_group;
const int rows = min(rows_per_group, x_shape[0] * C - first_row);
const int i = int(thread_index_in_threadgroup);
const bool active = i < rows * blocks;
const int row = active ? i / blocks : 0, block = i - row * blocks;
const size_t x_row = static_cast<size_t>(first_row + row);
const int c = (first_row + row) % C;
const int count = min(4, length - t0 - 4 * block);

const int width = 4 * blocks + HALO;
threadgroup float* xs = reinterpret_cast<threadgroup float*>(x_tile) + row * width;
threadgroup float* ys = reinterpret_cast<threadgroup float*>(y_tile) + row * 4 * blocks;
threadgroup float4* taps = w_tile + row * F * QUADS;
if (active) {
  lucid::stage<S, PLANE>(xs, x + x_row * L, t0 * S - left, S * width, L, block, blocks);
}

const int first_filter = int(threadgroup_position_in_grid.y) * filters_per_group;
const int last_filter = min(first_filter + filters_per_group, m);
for (int filter = first_filter; filter < last_filter; filter += F) {
  if (active) {
#pragma clang loop unroll(full)
    for (int f = 0; f < F; f++) {
      lucid::stage<1, 0>(
          reinterpret_cast<threadgroup float*>(taps + f * QUADS),
          w + static_cast<size_t>(c * m + filter + f) * K, 0, 4 * QUADS, K, block, blocks);
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);

  float4 sums[F];
#pragma clang loop unroll(full)
  for (int f = 0; f < F; f++) {
    sums[f] = float4(BIAS ? float(b[c * m + filter + f]) : 0.0f);
  }
  if (active && count == 4) {
    lucid::convolve<K, F, S, D, PLANE, QUADS>(xs + 4 * block, taps, sums);
  } else if (active) {
    for (int r = 0; r < count; r++) {
      float one[F];
#pragma clang loop unroll(full)
      for (int f = 0; f < F; f++) {
        one[f] = lucid::get(sums[f], r);
      }
      lucid::convolve<K, F, S, D, PLANE, QUADS>(xs + 4 * block + r, taps, one);
#pragma clang loop unroll(full)
      for (int f = 0; f < F; f++) {
        lucid::set(sums[f], r, one[f]);
      }
    }
  }

  // Through threadgroup memory, so that neighbouring threads write neighbouring values.
#pragma clang loop unroll(full)
  for (int f = 0; f < F; f++) {
    y_tile[i] = sums[f];
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    if (active) {
      device T* to = y + (x_row * m + filter + f) * length + t0;
      for (int column = block; column < min(4 * blocks, length - t0); column += blocks) {
        to[column] = static_cast<T>(ys[column]);
      }
    }
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  }
}
// kernel depthwise_conv_transpose1d(x, w, b, sizes) -> y
typedef typename lucid::Run<R>::type V;
constexpr int QUADS = (K + 3) / 4;
constexpr int WEIGHTS = QUADS > 128 / TEAMS ? QUADS : 128 / TEAMS;
constexpr int Y_PLANE = (R * THREADS / TEAMS / 4 | 1) * 4;
threadgroup float4 x_tile[TEAMS * PLANE / 4];
threadgroup float4 w_tile[TEAMS * WEIGHTS];
threadgroup float4 y_tile[S * Y_PLANE / 4];

const int length = sizes[0], left = sizes[1], first_q = sizes[2], blocks = sizes[3];
const int tiles = sizes[4], rows_per_group = sizes[5], C = sizes[6];
const int C_in = x_shape[1], L = x_shape[2], m = C_in / C;

// The group's tile of rows (n, c), this thread's team, and its block of R positions q.
const int group = int(threadgroup_position_in_grid.x);
const int q0 = first_q + group % tiles * blocks * R;
const int first_row = group / tiles * rows_per_group;
const int rows = min(rows_per_group, x_shape[0] * C - first_row);
const int lanes = int(threads_per_threadgroup.x) / TEAMS;
const int i = int(thread_index_in_threadgroup), team = i / lanes, lane = i % lanes;
const bool active = lane < rows * blocks;
const int row = active ? lane / blocks : 0, block = lane - row * blocks;
const size_t y_row = static_cast<size_t>(first_row + row);
const int c = (first_row + row) % C;
const int t = (q0 + R * block) * S - left;
const bool whole = t >= 0 && t + R * S <= length;

const int width = R * blocks + HALO;
threadgroup float* xs =
    reinterpret_cast<threadgroup float*>(x_tile) + team * PLANE + row * width;
threadgroup float* ys = reinterpret_cast<threadgroup float*>(y_tile) + row * R * blocks;
threadgroup float4* taps = w_tile + team * WEIGHTS + row * QUADS;

V sums[S];
#pragma clang loop unroll(full)
for (int p = 0; p < S; p++) {
  sums[p] = V(BIAS && team == 0 ? float(b[c]) : 0.0f);
}
for (int first = 0; first < m; first += TEAMS) {
  const int j = first + team;
  if (active && j < m) {
    lucid::stage<1, 0>(xs, x + (y_row * m + j) * L, q0 - HALO, width, L, block, blocks);
    lucid::stage<1, 0>(
        reinterpret_cast<threadgroup float*>(taps), w + static_cast<size_t>(c * m + j) * K, 0,
        4 * QUADS, K, block, blocks);
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (active && j < m) {
    threadgroup const float* from = xs + HALO + R * block;
    if (whole) {
      lucid::convolve_transposed<K, S, D, false>(from, taps, t, length, sums);
    } else {
      for (int r = 0; r < R; r++) {
        float one[S];
#pragma clang loop unroll(full)
        for (int p = 0; p < S; p++) {
          one[p] = lucid::get(sums[p], r);
        }
        lucid::convolve_transposed<K, S, D, true>(from + r, taps, t + r * S, length, one);
#pragma clang loop unroll(full)
        for (int p = 0; p < S; p++) {
          lucid::set(sums[p], r, one[p]);
        }
      }
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}

// Through threadgroup memory, where teams add up in their order and phases interleave, so that
// neighbouring threads write neighbouring values.
threadgroup float* sum = ys + R * block;
if (active && team == 0) {
#pragma clang loop unroll(full)
  for (int p = 0; p < S; p++) {
    lucid::write(sum + p * Y_PLANE, sums[p]);
  }
}
threadgroup_barrier(metal::mem_flags::mem_threadgroup);
for (int turn = 1; turn < TEAMS; turn++) {
  if (active && team == turn) {
#pragma clang loop unroll(full)
    for (int p = 0; p < S; p++) {
      lucid::write(sum + p * Y_PLANE, lucid::read(sum + p * Y_PLANE, sums[p]) + sums[p]);
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}
if (active) {
  const int begin = q0 * S - left;
  for (int column = team * blocks + block; column < R * S * blocks; column += TEAMS * blocks) {
    const int target = begin + column;
    const uint place = static_cast<uint>(column);
    if (target >= 0 && target < length) {
      y[y_row * length + target] = static_cast<T>(ys[place % S * Y_PLANE + place / S]);
    }
  }
}
// kernel depthwise_conv1d_weight_grad(x, g, sizes) -> partials
constexpr int LAST = K - (TAP_TEAMS - 1) * TAPS;  // taps of the last team
threadgroup float4 x_tile[S * PLANE / 4];
threadgroup float4 g_tile[POSITIONS / 4];
threadgroup float simdgroup_sums[8][TAPS];
threadgroup float* xs = reinterpret_cast<threadgroup float*>(x_tile);
threadgroup float* gs = reinterpret_cast<threadgroup float*>(g_tile);

const int left = sizes[0], blocks = sizes[1], tiles = sizes[2], samples = sizes[3];
const int g_rows = sizes[4], x_rows = sizes[5], steps_per_chunk = sizes[6];
const int N = x_shape[0], C = x_shape[1], L = x_shape[2];
const int C_out = g_shape[1], length = g_shape[2], m = C_out / C;

// The group's rows o0, o0 + 1, ... of g and the channels c0, c0 + 1, ... of x that they belong to.
const int o0 = int(threadgroup_position_in_grid.x) * g_rows, c0 = o0 / m;
const int outputs = min(g_rows, C_out - o0), channels = min(x_rows, C - c0);
const int width = 4 * blocks + HALO;

// This thread as one of those that copy a row of x, and one of g, and as one of those that add up
// the products of some taps of a row.
const int i = int(thread_index_in_threadgroup), threads = int(threads_per_threadgroup.x);
const int x_lanes = threads / x_rows, x_row = i / x_lanes, x_lane = i - x_row * x_lanes;
const int g_lanes = threads / g_rows, g_row = i / g_lanes, g_lane = i - g_row * g_lanes;
const int lanes = g_lanes / TAP_TEAMS, tap_team = g_lane / lanes, lane = g_lane % lanes;
const int c = (o0 + g_row) / m - c0;

float sums[TAPS];
#pragma clang loop unroll(full)
for (int k = 0; k < TAPS; k++) {
  sums[k] = 0.0f;
}
const int chunk = int(threadgroup_position_in_grid.y);
const int first = chunk * steps_per_chunk;
const int last = min(first + steps_per_chunk, (N + samples - 1) / samples * tiles);
for (int step = first; step < last; step++) {
  const int n0 = step / tiles * samples, t0 = step % tiles * blocks * 4;
  const int count = min(samples, N - n0);
  for (int s = 0; s < count; s++) {
    if (x_row < channels) {
      lucid::stage<S, PLANE>(
          xs + (s * x_rows + x_row) * width,
          x + (static_cast<size_t>(n0 + s) * C + c0 + x_row) * L, t0 * S - left, S * width, L,
          x_lane, x_lanes);
    }
    if (g_row < outputs) {
      lucid::stage<1, 0>(
          gs + (s * g_rows + g_row) * 4 * blocks,
          g + (static_cast<size_t>(n0 + s) * C_out + o0 + g_row) * length, t0, 4 * blocks, length,
          g_lane, g_lanes);
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (g_row < outputs) {
    for (int item = lane; item < count * blocks; item += lanes) {
      const int s = samples > 1 ? item / blocks : 0, block = item - s * blocks;
      const int valid = length - t0 - 4 * block;
      threadgroup const float* gt = gs + (s * g_rows + g_row) * 4 * blocks + 4 * block;
      threadgroup const float* xt =
          xs + (s * x_rows + c) * width + 4 * block + tap_team * (TAPS * D / S);
      if (tap_team < TAP_TEAMS - 1) {
        lucid::correlate_run<TAPS, S, D, PLANE>(xt, gt, valid, sums);
      } else {
        lucid::correlate_run<LAST, S, D, PLANE>(xt, gt, valid, sums);
      }
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}

#pragma clang loop unroll(full)
for (int k = 0; k < TAPS; k++) {
  const float sum = metal::simd_sum(sums[k]);
  if (thread_index_in_simdgroup == 0) {
    simdgroup_sums[simdgroup_index_in_threadgroup][k] = sum;
  }
}
threadgroup_barrier(metal::mem_flags::mem_threadgroup);
for (int j = i; j < outputs * K; j += threads) {
  const int o = j / K, k = j % K;
  const int simdgroups = lanes / 32, leader = (o * TAP_TEAMS + k / TAPS) * simdgroups;
  float sum = 0.0f;
  for (int s = 0; s < simdgroups; s++) {
    sum += simdgroup_sums[leader + s][k % TAPS];
  }
  partials[(static_cast<size_t>(chunk) * C_out + o0 + o) * K + k] = sum;
}
