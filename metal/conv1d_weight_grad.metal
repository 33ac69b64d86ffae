// The weight gradient of dense and grouped 1-D convolution; with x and g exchanged by the caller,
// of the transposed one too.
//
//   gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*S + k*D - left]
//
// Shapes: x (N, C_in, L), g (N, C_out, length) -> gw (C_out, Cg, K), Cg = C_in/groups,
// Og = C_out/groups. Both kernels return partial sums (parts, C_out, Cg, K) in float, each over
// its own run of (n, t), which `sum_partials` adds up: no atomics, so the same result every time.
// How many parts there are depends on the shapes alone.
//
// `matmul`: gw is a matrix of Og rows and Cg*K columns, (c, k) side by side as they lie in memory,
//   so that few channels with several taps fill a tile as well as many channels with one. A group
//   of 256 threads, 8 simdgroups, computes a tile of 32*ROWS x 32*COLUMNS of it: each simdgroup 4 x 4
//   fragments of 8x8 in registers, and 8/(ROWS*COLUMNS) of them take turns along t where the
//   tile is small. Per block of BT positions the group stages its rows of g and its channels of x
//   in threadgroup memory as float, x split by phase (`phases.h`): there column (c, k) is a plain
//   run of values, and a tap is an offset. So each value of x is read once for all of the taps in
//   the tile. K above the width of a tile is cut into several.
//   Grid: (256 * column tiles, row tiles * groups, chunks of blocks).
//   Work: Og, Cg*K and each row of t are rounded up to 8; fragments beyond that are skipped.
//   Traffic: g is read once per column tile, x once per row tile (and the reach of the taps once
//   per chunk); compulsory is each once.
//
// `direct`: for so few channels that the rounding costs more than it brings. A thread keeps the
//   sums of a block of 4 outputs x CB channels x KB taps, 32 at most, over every 256th position of
//   its group's chunk of the N*length positions; simdgroups add up theirs, then the group. The
//   multiply-adds are the useful ones and no others.
//   Grid: (256 * blocks of (o, c, k), groups, chunks).
//
// Precision: products and sums in float for every T. Positions in a row are 32-bit, offsets of
// rows 64-bit.
#include "matrix.h"
#include "phases.h"
// kernel conv1d_weight_grad_matmul(x, g, place) -> partials
constexpr int TILE_O = 32 * ROWS;
constexpr int TILE_J = 32 * COLUMNS;
constexpr int TILE_SIMDGROUPS = ROWS * COLUMNS;
constexpr int TURNS = 8 / TILE_SIMDGROUPS;
constexpr int BT = TURNS >= 4 ? 64 : 32;
constexpr int KB = K < TILE_J ? K : TILE_J;  // taps and channels of a tile
constexpr int CB = TILE_J / KB;
constexpr int SPAN = BT + (KB - 1) / PHASES * STEP;
// Rows of 4 modulo 8 floats: the lanes of a fragment fall into different banks.
constexpr int G_ROW = BT + 4;
constexpr int X_ROW = (SPAN + 3) / 8 * 8 + 4;
threadgroup float gs[TILE_O * G_ROW];
threadgroup float xs[CB * PHASES * X_ROW];

const int left = place[0], groups = place[1], blocks_per_chunk = place[2];
const int N = x_shape[0], C_in = x_shape[1], L = x_shape[2];
const int C_out = g_shape[1], length = g_shape[2];
const int Cg = C_in / groups, Og = C_out / groups;

const uint3 tile = threadgroup_position_in_grid;
const int k_tiles = (K + KB - 1) / KB;
const int c0 = int(tile.x) / k_tiles * CB, k0 = int(tile.x) % k_tiles * KB;
const int o_tiles = (Og + TILE_O - 1) / TILE_O;
const int group = int(tile.y) / o_tiles, o0 = int(tile.y) % o_tiles * TILE_O;
const int rows = min(TILE_O, Og - o0);
const int channels = min(CB, Cg - c0);
const int columns = channels * min(KB, K - k0);

const int thread_index = int(thread_index_in_threadgroup);
const int simdgroup = int(simdgroup_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const int i0 = simdgroup % ROWS * 32, j0 = simdgroup / ROWS % COLUMNS * 32;
const int turn = simdgroup / TILE_SIMDGROUPS;
const int row_fragments = min((rows - i0 + 7) / 8, 4);
const int column_fragments = min((columns - j0 + 7) / 8, 4);
const int fragment_row = lucid::fragment_row(lane), fragment_column = lucid::fragment_column(lane);

// Where this lane's elements lie in threadgroup memory. What is beyond the tile repeats its last
// row or column, and is not stored.
int row_offset[4], column_offset[4][2];
#pragma clang loop unroll(full)
for (int f = 0; f < 4; f++) {
  row_offset[f] = min(i0 + 8 * f + fragment_row, rows - 1) * G_ROW + fragment_column;
#pragma clang loop unroll(full)
  for (int e = 0; e < 2; e++) {
    const int j = min(j0 + 8 * f + fragment_column + e, columns - 1);
    const int c = j / KB, k = j % KB;
    column_offset[f][e] = (c * PHASES + k % PHASES) * X_ROW + k / PHASES * STEP + fragment_row;
  }
}

lucid::Fragment sums[4][4];
#pragma clang loop unroll(full)
for (int i = 0; i < 4; i++) {
#pragma clang loop unroll(full)
  for (int j = 0; j < 4; j++) {
    lucid::clear(sums[i][j]);
  }
}

const int blocks_per_row = (length + BT - 1) / BT;
const int first = int(tile.z) * blocks_per_chunk;
const int last = min(first + blocks_per_chunk, N * blocks_per_row);
for (int block = first; block < last; block++) {
  const int n = block / blocks_per_row, t0 = block % blocks_per_row * BT;
  const size_t g_channel = static_cast<size_t>(n) * C_out + group * Og + o0;
  const size_t x_channel = static_cast<size_t>(n) * C_in + group * Cg + c0;
  lucid::stage_phases<1, 1, 1, BT, G_ROW, 256>(
      gs, g + g_channel * length, length, rows, t0, thread_index);
  lucid::stage_phases<PHASES, S, D, SPAN, X_ROW, 256>(
      xs, x + x_channel * L, L, channels, t0 * S + k0 * D - left, thread_index);
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  const int stop = min(BT, length - t0);
  for (int t = 8 * turn; t < stop; t += 8 * TURNS) {
    lucid::Fragment a[4], b;
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      if (i < row_fragments) {
        lucid::load(a[i], gs + row_offset[i] + t, 1);
      }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
      if (j < column_fragments) {
        const int at = column_offset[j][0];
        lucid::load(b, xs + at + t, column_offset[j][1] - at);
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) {
          if (i < row_fragments) {
            lucid::multiply_accumulate(sums[i][j], a[i], b);
          }
        }
      }
    }
  }
  threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}

// The simdgroups that took turns hand their sums to the first, a row of fragments at a time.
if (TURNS > 1) {
  const int handed = (simdgroup - TILE_SIMDGROUPS) * 256 + 2 * lane;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    if (turn > 0) {
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) {
        gs[handed + 64 * j] = sums[i][j].thread_elements()[0];
        gs[handed + 64 * j + 1] = sums[i][j].thread_elements()[1];
      }
    }
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    if (turn == 0) {
      for (int from = 1; from < TURNS; from++) {
        const int at = handed + from * TILE_SIMDGROUPS * 256;
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) {
          sums[i][j].thread_elements()[0] += gs[at + 64 * j];
          sums[i][j].thread_elements()[1] += gs[at + 64 * j + 1];
        }
      }
    }
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  }
}

const size_t row_size = static_cast<size_t>(Cg) * K;
#pragma clang loop unroll(full)
for (int i = 0; i < 4; i++) {
  const int o = i0 + 8 * i + fragment_row;
  const size_t channel = static_cast<size_t>(tile.z) * C_out + group * Og + o0 + o;
  const size_t row = channel * row_size + c0 * K + k0;
#pragma clang loop unroll(full)
  for (int j = 0; j < 4; j++) {
#pragma clang loop unroll(full)
    for (int e = 0; e < 2; e++) {
      const int column = j0 + 8 * j + fragment_column + e;
      if (turn == 0 && o < rows && column < columns) {
        partials[row + column] = sums[i][j].thread_elements()[e];
      }
    }
  }
}
// kernel conv1d_weight_grad_direct(x, g, place) -> partials
constexpr int OB = 4;
constexpr int KB = K < 8 ? K : 8;
constexpr int CB = 8 / KB;

threadgroup float sums_of_simdgroups[8][OB * CB * KB];

const int left = place[0], groups = place[1], chunk = place[2];
const int N = x_shape[0], C_in = x_shape[1], L = x_shape[2];
const int C_out = g_shape[1], length = g_shape[2];
const int Cg = C_in / groups, Og = C_out / groups;

// The block of this group: outputs from o0, channels from c0, taps from k0 on.
const int k_blocks = (K + KB - 1) / KB, c_blocks = (Cg + CB - 1) / CB;
const int block = int(threadgroup_position_in_grid.x), group = int(threadgroup_position_in_grid.y);
const int k0 = block % k_blocks * KB;
const int c0 = block / k_blocks % c_blocks * CB;
const int o0 = block / k_blocks / c_blocks * OB;
const int outputs = min(OB, Og - o0), channels = min(CB, Cg - c0), taps = min(KB, K - k0);

float sums[OB][CB][KB];
#pragma clang loop unroll(full)
for (int o = 0; o < OB; o++) {
#pragma clang loop unroll(full)
  for (int c = 0; c < CB; c++) {
#pragma clang loop unroll(full)
    for (int k = 0; k < KB; k++) {
      sums[o][c][k] = 0.0f;
    }
  }
}

// Position i of the N*length positions is t of sample n; one division finds the first.
const int thread_index = int(thread_index_in_threadgroup);
const size_t start = static_cast<size_t>(threadgroup_position_in_grid.z) * chunk;
const size_t all = static_cast<size_t>(N) * length;
const int count = static_cast<int>(min(static_cast<size_t>(chunk), all - start));
size_t n = (start + thread_index) / length;
int t = static_cast<int>((start + thread_index) % length);
const int next_n = 256 / length, next_t = 256 % length;
for (int i = thread_index; i < count; i += 256) {
  const size_t g_channel = n * C_out + group * Og + o0;
  const size_t x_channel = n * C_in + group * Cg + c0;
  float gt[OB];
#pragma clang loop unroll(full)
  for (int o = 0; o < OB; o++) {
    gt[o] = o < outputs ? static_cast<float>(g[(g_channel + o) * length + t]) : 0.0f;
  }
#pragma clang loop unroll(full)
  for (int c = 0; c < CB; c++) {
#pragma clang loop unroll(full)
    for (int k = 0; k < KB; k++) {
      const int position = t * S + (k0 + k) * D - left;
      if (c < channels && k < taps && position >= 0 && position < L) {
        const float value = static_cast<float>(x[(x_channel + c) * L + position]);
#pragma clang loop unroll(full)
        for (int o = 0; o < OB; o++) {
          if (o < outputs) {
            sums[o][c][k] += gt[o] * value;
          }
        }
      }
    }
  }
  n += next_n;
  t += next_t;
  if (t >= length) {
    t -= length;
    n += 1;
  }
}

const int simdgroup = int(simdgroup_index_in_threadgroup);
#pragma clang loop unroll(full)
for (int o = 0; o < OB; o++) {
#pragma clang loop unroll(full)
  for (int c = 0; c < CB; c++) {
#pragma clang loop unroll(full)
    for (int k = 0; k < KB; k++) {
      const float sum = metal::simd_sum(sums[o][c][k]);
      if (thread_index_in_simdgroup == 0) {
        sums_of_simdgroups[simdgroup][(o * CB + c) * KB + k] = sum;
      }
    }
  }
}
threadgroup_barrier(metal::mem_flags::mem_threadgroup);
const int o = thread_index / (CB * KB), c = thread_index / KB % CB, k = thread_index % KB;
if (o < outputs && c < channels && k < taps) {
  float sum = 0.0f;
  for (int s = 0; s < 8; s++) {
    sum += sums_of_simdgroups[s][thread_index];
  }
  const size_t row = static_cast<size_t>(threadgroup_position_in_grid.z) * C_out + group * Og + o0;
  partials[((row + o) * Cg + c0 + c) * K + k0 + k] = sum;
}
