#include "tile.h"

namespace lucid {

// Taps after which a tap falls on the same plane and the same place in a float4 again; so many are
// unrolled at once.
constexpr int period(int S) {
  return 4 * S * (S < 8 ? 8 / S : 1);
}

// Taps after which the plane is the same again.
constexpr int cycle(int S, int D) {
  int taps = 1;
  while (taps * D % S != 0) {
    taps++;
  }
  return taps;
}

// sums[f] += w[f, k] x[t*S + k*D] for the first COUNT taps; x points to x[t*S] in plane 0.
template <int COUNT, int F, int S, int D, int PLANE, int QUADS, typename V>
inline void gather(threadgroup const float* x, threadgroup const float4* w, thread V* sums) {
  constexpr int CYCLE = cycle(S, D);
  Window windows[S];
  float4 taps[F];
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    const int p = k * D % S;
    V run;
    slide(windows[p], x + p * PLANE, k < CYCLE ? -1 : (k - CYCLE) * D / S, k * D / S, run);
#pragma unroll
    for (int f = 0; f < F; f++) {
      if (k % 4 == 0) {
        taps[f] = w[f * QUADS + k / 4];
      }
      sums[f] = fma(V(taps[f][k % 4]), run, sums[f]);
    }
  }
}

template <int K, int F, int S, int D, int PLANE, int QUADS, typename V>
inline void convolve(threadgroup const float* x, threadgroup const float4* w, thread V* sums) {
  constexpr int PERIOD = period(S);
  for (int k = 0; k + PERIOD <= K; k += PERIOD) {
    gather<PERIOD, F, S, D, PLANE, QUADS>(x, w, sums);
    x += PERIOD / S * D;
    w += PERIOD / 4;
  }
  gather<K % PERIOD, F, S, D, PLANE, QUADS>(x, w, sums);
}

// sums[p][q] += w[k] x[q - e] for the first COUNT taps, k*D = e*S + p; x points to x[q]. With EDGE
// only for those p of which t + p is in [0, length).
template <int COUNT, int S, int D, bool EDGE, typename V>
inline void scatter(
    threadgroup const float* x, threadgroup const float4* w, int t, int length, thread V* sums) {
  constexpr int BACK = ((COUNT - 1) * D / S + 3) / 4 * 4;
  Window window;
  float4 taps;
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    const int k = COUNT - 1 - i, p = k * D % S;  // backwards, as x is met forwards then
    V run;
    slide(window, x - BACK, i == 0 ? -1 : BACK - (k + 1) * D / S, BACK - k * D / S, run);
    if (i == 0 || k % 4 == 3) {
      taps = w[k / 4];
    }
    if (!EDGE || (t + p >= 0 && t + p < length)) {
      sums[p] = fma(V(taps[k % 4]), run, sums[p]);
    }
  }
}

template <int K, int S, int D, bool EDGE, typename V>
inline void convolve_transposed(
    threadgroup const float* x, threadgroup const float4* w, int t, int length, thread V* sums) {
  constexpr int PERIOD = period(S);
  for (int k = 0; k + PERIOD <= K; k += PERIOD) {
    scatter<PERIOD, S, D, EDGE>(x, w, t, length, sums);
    x -= PERIOD / S * D;
    w += PERIOD / 4;
  }
  scatter<K % PERIOD, S, D, EDGE>(x, w, t, length, sums);
}

inline float add_products(float a, float b, float sum) {
  return fma(a, b, sum);
}

inline float add_products(float4 a, float4 b, float sum) {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// sums[k] += g[t] x[t*S + k*D] for the first COUNT taps and the t of a run.
template <int COUNT, int S, int D, int PLANE, typename V>
inline void correlate(threadgroup const float* x, V g, thread float* sums) {
  constexpr int CYCLE = cycle(S, D);
  Window windows[S];
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    const int p = k * D % S;
    V run;
    slide(windows[p], x + p * PLANE, k < CYCLE ? -1 : (k - CYCLE) * D / S, k * D / S, run);
    sums[k] = add_products(g, run, sums[k]);
  }
}

// The same for the t of one run of g, of which `valid` exist.
template <int COUNT, int S, int D, int PLANE>
inline void correlate_run(
    threadgroup const float* x, threadgroup const float* g, int valid, thread float* sums) {
  if (valid >= 4) {
    correlate<COUNT, S, D, PLANE>(x, read(g, float4(0.0f)), sums);
  } else {
    for (int r = 0; r < valid; r++) {
      correlate<COUNT, S, D, PLANE>(x + r, g[r], sums);
    }
  }
}

}  // namespace lucid

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
    for (int f = 0; f < F; f++) {
      lucid::stage<1, 0>(
          reinterpret_cast<threadgroup float*>(taps + f * QUADS),
          w + static_cast<size_t>(c * m + filter + f) * K, 0, 4 * QUADS, K, block, blocks);
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);

  float4 sums[F];
  for (int f = 0; f < F; f++) {
    sums[f] = float4(BIAS ? float(b[c * m + filter + f]) : 0.0f);
  }
  if (active && count == 4) {
    lucid::convolve<K, F, S, D, PLANE, QUADS>(xs + 4 * block, taps, sums);
  } else if (active) {
    for (int r = 0; r < count; r++) {
      float one[F];
      for (int f = 0; f < F; f++) {
        one[f] = lucid::get(sums[f], r);
      }
      lucid::convolve<K, F, S, D, PLANE, QUADS>(xs + 4 * block + r, taps, one);
      for (int f = 0; f < F; f++) {
        lucid::set(sums[f], r, one[f]);
      }
    }
  }

  // Through threadgroup memory, so that neighbouring threads write neighbouring values.
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
        for (int p = 0; p < S; p++) {
          one[p] = lucid::get(sums[p], r);
        }
        lucid::convolve_transposed<K, S, D, true>(from + r, taps, t + r * S, length, one);
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
  for (int p = 0; p < S; p++) {
    lucid::write(sum + p * Y_PLANE, sums[p]);
  }
}
threadgroup_barrier(metal::mem_flags::mem_threadgroup);
for (int turn = 1; turn < TEAMS; turn++) {
  if (active && team == turn) {
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
