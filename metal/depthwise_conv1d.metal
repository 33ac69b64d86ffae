#include "tile.h"

namespace lucid {

// Runs of R values: what a thread computes at once.
template <int R> struct Run { typedef float4 type; };
template <> struct Run<1> { typedef float type; };

// The number of taps after which planes and places within a float4 repeat: unrolled at once.
constexpr int period(int S) {
  return 4 * S * (S < 8 ? 8 / S : 1);
}

// sums[f][t] += w[f, k] x[t*S + k*D] for k < COUNT; `x` points to x[t*S] in plane 0 of a tile.
template <int COUNT, int F, int S, int D, int PLANE, int QUADS, typename V>
inline void gather(threadgroup const float* x, threadgroup const float4* w, thread V* sums) {
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    V run;
    load(x + k * D % S * PLANE, k * D / S, run);
#pragma unroll
    for (int f = 0; f < F; f++) {
      const float4 taps = w[f * QUADS + k / 4];
      sums[f] = fma(V(taps[k % 4]), run, sums[f]);
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

// sums[p][q] += w[k] x[q - e] for k < COUNT, where k*D = e*S + p; `x` points to x[q] in a tile.
// With EDGE only for the p of which t + p is in [0, length).
template <int COUNT, int S, int D, bool EDGE, typename V>
inline void scatter(
    threadgroup const float* x, threadgroup const float4* w, int t, int length, thread V* sums) {
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    const int p = k * D % S, back = round_up(k * D / S, 4);
    if (!EDGE || (t + p >= 0 && t + p < length)) {
      V run;
      load(x - back, back - k * D / S, run);
      const float4 taps = w[k / 4];
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

// sums[k] += g[t] x[t*S + k*D] for k < COUNT and the t of a run.
template <int COUNT, int S, int D, int PLANE, typename V>
inline void correlate(threadgroup const float* x, V g, thread float* sums) {
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    V run;
    load(x + k * D % S * PLANE, k * D / S, run);
    sums[k] = add_products(g, run, sums[k]);
  }
}

// Copies F rows of weights for each row (n, c) of the tile: those of filters filter, filter + 1, ...
template <int K, int F, int QUADS, typename Pointer>
inline void stage_weights(
    threadgroup float4* tile, Pointer w, int C, int m, int first_row, int filter, int rows,
    int thread_index, int threads) {
  threadgroup float* taps = reinterpret_cast<threadgroup float*>(tile);
  for (Walk at = walk(thread_index, threads, 4 * QUADS * F); at.row < rows; advance(at)) {
    const int f = at.column / (4 * QUADS), k = at.column % (4 * QUADS);
    const size_t row = static_cast<size_t>((first_row + at.row) % C) * m + filter + f;
    taps[at.row * at.width + at.column] = k < K ? static_cast<float>(w[row * K + k]) : 0.0f;
  }
}

}  // namespace lucid

// kernel depthwise_conv1d(x, w, b, sizes) -> y
constexpr int QUADS = (K + 3) / 4;
constexpr int WEIGHTS = F * QUADS > 256 ? F * QUADS : 256;
threadgroup float4 x_tile[S * PLANE / 4];
threadgroup float4 w_tile[WEIGHTS];
threadgroup float4 y_tile[THREADS];
threadgroup float* xs = reinterpret_cast<threadgroup float*>(x_tile);
threadgroup float* ys = reinterpret_cast<threadgroup float*>(y_tile);

const int length = sizes[0], left = sizes[1], blocks = sizes[2], tiles = sizes[3];
const int rows_per_group = sizes[4], filters_per_group = sizes[5];
const int C = x_shape[1], L = x_shape[2], m = w_shape[0] / C;
const int i = int(thread_index_in_threadgroup), threads = int(threads_per_threadgroup.x);

const int group = int(threadgroup_position_in_grid.x);
const int t0 = group % tiles * blocks * 4;
const int first_row = group / tiles * rows_per_group;
const int rows = min(rows_per_group, x_shape[0] * C - first_row);
const int width = 4 * blocks + HALO;
lucid::stage<S, PLANE>(
    xs, width, x + static_cast<size_t>(first_row) * L, size_t(L), rows, t0 * S - left, L, i,
    threads);

// Threads past the last block compute nothing, at the place of the last.
const int item = min(i, rows * blocks - 1);
const int row = lucid::divide(item, 1.0f / float(blocks)), block = item - row * blocks;
const int count = item == i ? min(4, length - t0 - 4 * block) : 0;
threadgroup const float* from = xs + row * width + 4 * block;
threadgroup const float4* taps = w_tile + row * F * QUADS;

const int first_filter = int(threadgroup_position_in_grid.y) * filters_per_group;
const int last_filter = min(first_filter + filters_per_group, m);
for (int filter = first_filter; filter < last_filter; filter += F) {
  lucid::stage_weights<K, F, QUADS>(w_tile, w, C, m, first_row, filter, rows, i, threads);
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);

  float4 sums[F];
  float bias[F];
  for (int f = 0; f < F; f++) {
    bias[f] = BIAS ? float(b[(first_row + row) % C * m + filter + f]) : 0.0f;
    sums[f] = float4(bias[f]);
  }
  if (count == 4) {
    lucid::convolve<K, F, S, D, PLANE, QUADS>(from, taps, sums);
  } else {
    for (int r = 0; r < count; r++) {
      float one[F];
      for (int f = 0; f < F; f++) {
        one[f] = bias[f];
      }
      lucid::convolve<K, F, S, D, PLANE, QUADS>(from + r, taps, one);
      for (int f = 0; f < F; f++) {
        lucid::set(sums[f], r, one[f]);
      }
    }
  }

  // Through threadgroup memory, so that neighbouring threads write neighbouring values.
  for (int f = 0; f < F; f++) {
    y_tile[i] = sums[f];
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    for (lucid::Walk at = lucid::walk(i, threads, 4 * blocks); at.row < rows; advance(at)) {
      if (t0 + at.column < length) {
        const size_t y_row = static_cast<size_t>(first_row + at.row) * m + filter + f;
        y[y_row * length + t0 + at.column] =
            static_cast<T>(ys[at.row * 4 * blocks + at.column]);
      }
    }
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  }
}
// kernel depthwise_conv_transpose1d(x, w, b, sizes) -> y
typedef typename lucid::Run<R>::type V;
constexpr int QUADS = (K + 3) / 4;
constexpr int WEIGHTS = QUADS > 256 / TEAMS ? QUADS : 256 / TEAMS;
constexpr int Y_PLANE = (R * THREADS / TEAMS / 4 | 1) * 4;
threadgroup float4 x_tile[TEAMS * PLANE / 4];
threadgroup float4 w_tile[TEAMS * WEIGHTS];
threadgroup float4 y_tile[S * Y_PLANE / 4];
threadgroup float* ys = reinterpret_cast<threadgroup float*>(y_tile);

const int length = sizes[0], left = sizes[1], first_q = sizes[2], blocks = sizes[3];
const int tiles = sizes[4], rows_per_group = sizes[5];
const int C_in = x_shape[1], L = x_shape[2], C = sizes[6], m = C_in / C;
const int i = int(thread_index_in_threadgroup), threads = int(threads_per_threadgroup.x);
const int lanes = threads / TEAMS, team = i / lanes, lane = i % lanes;

const int group = int(threadgroup_position_in_grid.x);
const int q0 = first_q + group % tiles * blocks * R;
const int first_row = group / tiles * rows_per_group;
const int rows = min(rows_per_group, x_shape[0] * C - first_row);
const int width = R * blocks + HALO;

const int item = min(lane, rows * blocks - 1);
const int row = lucid::divide(item, 1.0f / float(blocks)), block = item - row * blocks;
const bool active = item == lane;
const int t = (q0 + R * block) * S - left;
const bool whole = t >= 0 && t + R * S <= length;
threadgroup float* xs = reinterpret_cast<threadgroup float*>(x_tile + team * (PLANE / 4));
threadgroup const float* from = xs + row * width + R * block + HALO;
threadgroup const float4* taps = w_tile + team * WEIGHTS + row * QUADS;

V sums[S];
for (int p = 0; p < S; p++) {
  const bool biased = BIAS && team == 0;
  sums[p] = V(biased ? float(b[(first_row + row) % C]) : 0.0f);
}
for (int first = 0; first < m; first += TEAMS) {
  const int j = first + team;
  if (j < m) {
    lucid::stage<1, PLANE>(
        xs, width, x + (static_cast<size_t>(first_row) * m + j) * L, static_cast<size_t>(m) * L,
        rows, q0 - HALO, L, lane, lanes);
    lucid::stage_weights<K, 1, QUADS>(
        w_tile + team * WEIGHTS, w, C, m, first_row, j, rows, lane, lanes);
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (j < m && active) {
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

// Teams add up in their order, in threadgroup memory, where neighbouring threads then find what
// they write to neighbouring addresses: the phases interleave.
for (int turn = 0; turn < TEAMS; turn++) {
  if (turn == team && active) {
    for (int p = 0; p < S; p++) {
      threadgroup float* at = ys + p * Y_PLANE + R * lane;
      if (turn > 0) {
        V before;
        lucid::load(at, 0, before);
        sums[p] += before;
      }
      lucid::store(at, sums[p]);
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}
for (lucid::Walk at = lucid::walk(i, threads, R * blocks * S); at.row < rows; advance(at)) {
  const int target = q0 * S - left + at.column;
  if (target >= 0 && target < length) {
    const size_t y_row = static_cast<size_t>(first_row + at.row);
    y[y_row * length + target] = static_cast<T>(
        ys[at.column % S * Y_PLANE + at.row * R * blocks + at.column / S]);
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
const int row_teams = sizes[4], rows_of_x = sizes[5], steps_per_chunk = sizes[6];
const int N = x_shape[0], C = x_shape[1], L = x_shape[2];
const int C_out = g_shape[1], length = g_shape[2], m = C_out / C;
const int i = int(thread_index_in_threadgroup), threads = int(threads_per_threadgroup.x);
const int team_size = threads / (TAP_TEAMS * row_teams);
const int team = i / team_size, lane = i % team_size;
const int tap_team = team % TAP_TEAMS, row_team = team / TAP_TEAMS;

const int o0 = int(threadgroup_position_in_grid.x) * row_teams, c0 = o0 / m;
const int c = (o0 + row_team) / m - c0;
const int outputs = min(row_teams, C_out - o0), channels = min(rows_of_x, C - c0);
const int width = 4 * blocks + HALO;

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
    const size_t x_row = static_cast<size_t>(n0 + s) * C + c0;
    const size_t g_row = static_cast<size_t>(n0 + s) * C_out + o0;
    lucid::stage<S, PLANE>(
        xs + s * rows_of_x * width, width, x + x_row * L, size_t(L), channels, t0 * S - left, L,
        i, threads);
    lucid::stage<1, POSITIONS>(
        gs + s * row_teams * 4 * blocks, 4 * blocks, g + g_row * length, size_t(length), outputs,
        t0, length, i, threads);
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  const int stop = row_team < outputs ? count : 0;
  for (lucid::Walk at = lucid::walk(lane, team_size, blocks); at.row < stop; advance(at)) {
    threadgroup const float* xt = xs + (at.row * rows_of_x + c) * width + 4 * at.column +
        tap_team * (TAPS * D / S);
    threadgroup const float* gt = gs + ((at.row * row_teams + row_team) * blocks + at.column) * 4;
    const int valid = length - t0 - 4 * at.column;
    if (valid >= 4) {
      float4 run;
      lucid::load(gt, 0, run);
      if (tap_team < TAP_TEAMS - 1) {
        lucid::correlate<TAPS, S, D, PLANE>(xt, run, sums);
      } else {
        lucid::correlate<LAST, S, D, PLANE>(xt, run, sums);
      }
    } else {
      for (int r = 0; r < valid; r++) {
        if (tap_team < TAP_TEAMS - 1) {
          lucid::correlate<TAPS, S, D, PLANE>(xt + r, gt[r], sums);
        } else {
          lucid::correlate<LAST, S, D, PLANE>(xt + r, gt[r], sums);
        }
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
  const int simdgroups = team_size / 32, leader = (o * TAP_TEAMS + k / TAPS) * simdgroups;
  float sum = 0.0f;
  for (int s = 0; s < simdgroups; s++) {
    sum += simdgroup_sums[leader + s][k % TAPS];
  }
  partials[(static_cast<size_t>(chunk) * C_out + o0 + o) * K + k] = sum;
}
