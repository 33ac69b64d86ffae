// Transposed 1-D convolution, dense and grouped; also the gradient of x of an ordinary convolution
// with stride.
//
//   y[n, o, t] = bias[o] + sum over c, k, i with i*S + k*D = t + left of x[n, c, i] * w[c, o, k]
//
// Shapes: x (N, C_in, L), w (C_in, Og, K), y (N, groups*Og, length), C_in = groups*Cg. Any stride
// S, dilation D, left (also above D*(K-1), also negative: y is cropped, or begins late), length.
// Positions are 32-bit, offsets of rows 64-bit. Products and sums in float for every T.
//
// Both kernels are polyphase. Write t + left = q*S + phase: only the taps with k*D = e*S + phase
// for a whole e reach this output, and they meet the inputs q - e. So no zero between inputs is
// ever multiplied, an output takes ceil(K/S) taps where D = 1, and it is written once.
//
// `matmul`: many channels; see implicit_matmul.h. All phases of some channels form the rows of one
//   matrix product, whose reduction runs over input channels and shifts e.
//   Grid: tiles of rows (8 to 64) x runs of tiles of positions q (64 to 256) x N*groups; 128
//   threads.
//   Multiply-adds: rows and positions rounded up to 8, channels to 8 or, with several shifts in one
//   fragment, less; where a phase has fewer taps, the empty fragments are skipped.
//   Traffic: y once; x once per tile of rows, the weight once per run. A tile of 64 x 64 makes 8
//   multiply-adds for each byte of float that it reads: a layer with more of them per byte of x, w
//   and y reads those more often, from the caches that threadgroups share, and is bound by
//   arithmetic.
//
// `direct`: few channels, which would leave most of an 8x8 fragment empty. A thread keeps OC
//   channels of R outputs of one phase in registers and walks over input channels and taps
//   (slide.h).
//   Multiply-adds: the useful ones and no others.
//   Grid: (phases x blocks of R positions, channels / OC, N); threadgroups of up to 256, 32 or more
//   along t, the rest along channels, which share the reads of x.
//   Traffic: y and w once; x once per threadgroup along channels, from the caches. What a simdgroup
//   reads of x is contiguous, R values a lane; stores are runs of S values.
#include "implicit_matmul.h"
#include "slide.h"
// kernel conv_transpose1d_matmul(x, weight, bias, plan, sizes) -> y
typedef lucid::Product<FM, WM, FQ, WQ, CB, SC, PX, W, SX, OB, SY> G;
threadgroup float memory[G::FLOATS];
lucid::implicit_matmul<G, SPARSE, BIAS>(
    x, weight, bias, plan, sizes, y, memory, threadgroup_position_in_grid,
    thread_index_in_threadgroup, simdgroup_index_in_threadgroup, thread_index_in_simdgroup);
// kernel conv_transpose1d_direct(x, w, bias, sizes) -> y
const int Cg = sizes[0], Og = sizes[1], groups = sizes[2], L = sizes[3], length = sizes[4];
const int first = sizes[5], cut = sizes[6];  // y begins in phase `cut` of position `first`
const int width = sizes[7];                  // positions side by side, that share no inputs
const int j = int(thread_position_in_grid.x), o = int(thread_position_in_grid.y) * OC;
const int n = int(thread_position_in_grid.z), g = o / Og;

// Output r is t + r*STEP*S, in phase `phase` of position q + r*STEP.
const int phase = j % S, q = j / S / width * (R * STEP) + j / S % width;
const int t = q * S + phase - cut;

// Its taps are k, k + P, ...; each meets an input STEP before the last one's.
constexpr int COMMON = S / P;
const int k = int(long(phase / COMMON) * INVERSE % P);
const int count = phase % COMMON == 0 && k < K ? (K - 1 - k) / P + 1 : 0;
const int nearest = first + q - k * D / S, farthest = nearest - (count - 1) * STEP;
const bool inside = farthest >= 0 && nearest + (R - 1) * STEP < L && t >= 0 &&
                    t + (R - 1) * STEP * S < length;

float sum[OC * R];
#pragma clang loop unroll(full)
for (int i = 0; i < OC * R; ++i) sum[i] = BIAS ? static_cast<float>(bias[o + i / R]) : 0.0f;
for (int c = 0; c < Cg && count > 0; ++c) {
  const auto from = x + ((size_t(n) * groups + g) * Cg + c) * L;
  const auto taps = w + ((size_t(g) * Cg + c) * Og + o % Og) * K + k + (count - 1) * P;
  if (inside) {
    lucid::slide<OC, R, false>(
        sum, from, farthest, STEP, L, taps, -P, K, count, t, STEP * S, length);
  } else {
    lucid::slide<OC, R, true>(
        sum, from, farthest, STEP, L, taps, -P, K, count, t, STEP * S, length);
  }
}
device T* to = y + (size_t(n) * groups * Og + o) * length;
#pragma clang loop unroll(full)
for (int i = 0; i < OC * R; ++i) {
  const int at = t + i % R * STEP * S;
  if (at >= 0 && at < length) to[size_t(i / R) * length + at] = static_cast<T>(sum[i]);
}
