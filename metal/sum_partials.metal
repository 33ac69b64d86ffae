// The second pass of a reduction: adds the partial sums that groups of a first pass have left.
//
//   y[i] = sum over p of partials[p, i]
//
// Shapes: partials (P, M) in float -> y (M,) in T.
//
// A group of 256 threads makes 32 neighbouring sums: simdgroup s adds rows s, s + 8, s + 16, ... of
// its 32 columns, so that a read is a run of 128 bytes and eight of them are on their way at once;
// then the first simdgroup adds the eight sums of each column. The order depends on P alone: no
// atomics, the same result every time.
//
// Grid: 256 * ceil(M / 32) threads.
// Traffic: every partial sum is read once, every result written once; that is the minimum.
// Precision: float, rounded to T at the end.
// kernel sum_partials(partials) -> y
constexpr int COLUMNS = 32;
constexpr int SIMDGROUPS = 8;
threadgroup float sums[SIMDGROUPS][COLUMNS];

const int P = partials_shape[0];
const size_t M = partials_shape[1];
const int simdgroup = int(simdgroup_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const size_t i = static_cast<size_t>(threadgroup_position_in_grid.x) * COLUMNS + lane;

float sum = 0.0f;
if (i < M) {
  for (int p = simdgroup; p < P; p += SIMDGROUPS) {
    sum += partials[p * M + i];
  }
}
sums[simdgroup][lane] = sum;
threadgroup_barrier(metal::mem_flags::mem_threadgroup);
if (simdgroup == 0 && i < M) {
  for (int s = 1; s < SIMDGROUPS; s++) {
    sum += sums[s][lane];
  }
  y[i] = static_cast<T>(sum);
}
