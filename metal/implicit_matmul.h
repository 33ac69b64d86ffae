#include "matrix.h"

namespace lucid {

// A convolution of many channels as a product of matrices of which only the weight lies in memory
// as such. With `tap` counting what one output of one row meets in one channel,
//
//     y[n, o, q*SY + phase - cut] = bias[o] + sum over c, tap of
//         weight[(o, phase), (c, tap)] * x[n, c, q*SX + origin + offset(tap)]
//
// Ordinary convolution: SX = stride, SY = 1, and tap k at offset k*dilation. Transposed, by phases:
// SX = 1, SY = stride; output t + left = q*stride + phase meets input q - e through the tap k with
// k*dilation = e*stride + phase, so a row is a channel in one phase and the shifts e count as taps.
// Nothing is multiplied by a zero put between inputs or taps, and no unfolded x is written.
//
// A threadgroup of 4 simdgroups computes BM = 8*FM*WM rows by BQ = 8*FQ*WQ positions q: simdgroups
// lie WM by WQ, and each keeps FM by FQ fragments of sums in registers. SC channels of x at a time
// go to threadgroup memory, W positions of PX phases of the stride SX, halo included, and all taps
// that fall into them slide over that: x is read once for a tile of rows, not once for each tap.
// Taps that reach too far for one such window come in several, the "chunks". A fragment of x has 8
// rows, CB channels by 8/CB taps, so that few channels fill it too. A fragment of the weight is 64
// neighbours in memory: one contiguous read of the simdgroup. The sums leave through threadgroup
// memory, where the phases interleave, so that neighbouring lanes store neighbours.
// lucid/kernels/implicit_matmul.py chooses all this and packs the weight.
template <int FM_, int WM_, int FQ_, int WQ_, int CB_, int SC_, int PX_, int W_, int SX_, int OB_,
          int SY_>
struct Product {
  enum {
    FM = FM_,
    WM = WM_,
    FQ = FQ_,
    WQ = WQ_,
    CB = CB_,
    SC = SC_,
    PX = PX_,
    W = W_,
    SX = SX_,
    SY = SY_,
    OB = OB_,  // rows are ordered (o / OB, phase, o % OB)
    BM = 8 * FM * WM,
    BQ = 8 * FQ * WQ,
    THREADS = 32 * WM * WQ,
    TB = 8 / CB,
    PASS = SY == 1 && WQ == 2 ? 2 : 1,  // fragments abreast that are stored at once
    COLUMNS = 8 * WQ * PASS,
    TILE = SC * PX * W,
    RESULTS = BM * (COLUMNS + 1),  // one float more per row: fewer bank conflicts
    FLOATS = TILE > RESULTS ? TILE : RESULTS,  // threadgroup memory, used for both in turn
    RUN = BM % (OB * SY) == 0 ? SY : BM / OB   // consecutive phases of a channel in a tile of rows
  };
};

// What is no template value, because it would be compiled anew; one entry of `sizes` each.
struct Sizes {
  int Cg, Og, groups;  // channels of x and of y in a group
  int L, length;       // of x and of y
  int origin, cut;     // see above
  int positions;       // the values of q, from 0
  int tiles;           // of positions, that one threadgroup computes in turn
  int chunks, taps;    // windows; fragments of TB taps in all of them
};

inline Sizes read_sizes(const device int* from) {
  Sizes s;
  s.Cg = from[0];
  s.Og = from[1];
  s.groups = from[2];
  s.L = from[3];
  s.length = from[4];
  s.origin = from[5];
  s.cut = from[6];
  s.positions = from[7];
  s.tiles = from[8];
  s.chunks = from[9];
  s.taps = from[10];
  return s;
}

// tile[c][phase][j] = x[c][start + j*SX + phase], zero outside of x. Channels past the last one are
// zero too, as far as a fragment reaches.
template <typename G, typename X>
inline void stage_tile(
    threadgroup float* tile, X x, int channels, int L, int start, int thread_index) {
  const int staged = metal::min(int(G::SC), (channels + G::CB - 1) / G::CB * G::CB);
  for (int i = thread_index; i < staged * G::W * G::PX; i += G::THREADS) {
    const int c = i / (G::W * G::PX), j = i / G::PX % G::W, phase = i % G::PX;
    const int at = start + j * G::SX + phase;
    const bool inside = c < channels && at >= 0 && at < L;
    const float value = inside ? static_cast<float>(x[size_t(c) * L + at]) : 0.0f;
    tile[(c * G::PX + phase) * G::W + j] = value;
  }
}

// sum += weight * tile, over the fragments of taps [tap, stop) and all channels in the tile.
//
// `weight` points to this lane's part of the fragment of the simdgroup's first row, the first
// channels and tap 0; `row_step` leads to the next 8 rows. Of the FM by FQ fragments only the first
// `rows`, with columns in [low, high), are needed. Where SPARSE, present[row*taps + tap] tells
// which fragments of the weight are not all zero. Conditions are the same for all lanes of a
// simdgroup.
template <typename G, bool SPARSE, typename T>
inline void multiply_tile(
    thread Fragment* sum, threadgroup const float* tile, const device T* weight, size_t row_step,
    const device int* offsets, const device int* present, int tap, int stop, int taps, int channels,
    int rows, int low, int high, uint lane) {
  const int row = fragment_row(lane);
  Fragment a, b[G::FQ];
  for (; tap < stop; ++tap) {
    threadgroup const float* from = tile + row % G::CB * (G::PX * G::W) +
                                    offsets[tap * G::TB + row / G::CB] + fragment_column(lane);
    for (int c = 0; c < metal::min(int(G::SC), channels); c += G::CB) {
#pragma clang loop unroll(full)
      for (int n = 0; n < G::FQ; ++n) {
        const int column = n * 8 * G::WQ;
        if (column >= low && column < high) lucid::load(b[n], from + c * G::PX * G::W + column, 1);
      }
#pragma clang loop unroll(full)
      for (int m = 0; m < G::FM; ++m) {
        if (m < rows && (!SPARSE || present[m * taps + tap] != 0)) {
          lucid::load(a, weight + m * row_step + (c / G::CB * taps + tap) * 64, 1);
#pragma clang loop unroll(full)
          for (int n = 0; n < G::FQ; ++n) {
            const int column = n * 8 * G::WQ;
            if (column >= low && column < high) multiply_accumulate(sum[m * G::FQ + n], a, b[n]);
          }
        }
      }
    }
  }
}

// y = sum + bias, for the tile whose first row is `row` and whose first position is `q0`. y and
// bias point to the first channel of the group.
template <typename G, bool BIAS, typename T, typename B>
inline void store_tile(
    thread Fragment* sum, threadgroup float* results, device T* y, B bias, thread const Sizes& s,
    int row, int q0, int thread_index, int simdgroup, uint lane) {
  constexpr int STEP = G::COLUMNS + 1;
  for (int pass = 0; pass < G::FQ / G::PASS && q0 + pass * G::COLUMNS < s.positions; ++pass) {
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
#pragma clang loop unroll(full)
    for (int i = 0; i < G::FM * G::FQ; ++i) {
      const int m = i / G::FQ + simdgroup / G::WQ * G::FM, n = i % G::FQ - pass * G::PASS;
      if (n >= 0 && n < G::PASS) {
        const int column = n * G::WQ + simdgroup % G::WQ;
        lucid::store(sum[i], results + 8 * (m * STEP + column), STEP, 1, lane);
      }
    }
    threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    for (int i = thread_index; i < G::BM * G::COLUMNS; i += G::THREADS) {
      const int phase = i % G::RUN, q = i / G::RUN % G::COLUMNS, block = i / (G::RUN * G::COLUMNS);
      const int inner = block % G::OB, outer = block / G::OB * G::RUN + phase;
      const int o = (row / G::OB + outer) / G::SY * G::OB + inner;
      const int u = (q0 + pass * G::COLUMNS + q) * G::SY + (row / G::OB + outer) % G::SY;
      const int t = u - s.cut;
      if (o < s.Og && t >= 0 && t < s.length) {
        float value = results[(outer * G::OB + inner) * STEP + q];
        if (BIAS) value += static_cast<float>(bias[o]);
        y[size_t(o) * s.length + t] = static_cast<T>(value);
      }
    }
  }
}

// The whole of it. Grid: (tiles of rows, runs of tiles of positions, samples by groups).
template <typename G, bool SPARSE, bool BIAS, typename T, typename X, typename B>
inline void implicit_matmul(
    X x, const device T* weight, B bias, const device int* plan, const device int* sizes,
    device T* y, threadgroup float* memory, uint3 group, uint thread_index, uint simdgroup,
    uint lane) {
  const Sizes s = read_sizes(sizes);
  const device int* chunks = plan;  // (offset of the window from the origin, first tap, stop)
  const device int* offsets = chunks + 3 * s.chunks;
  const device int* present = offsets + G::TB * s.taps;

  const int fragments = (s.Og * G::SY + 7) / 8;  // of rows, in a group
  const int first = int(group.x) * (G::FM * G::WM) + int(simdgroup) / G::WQ * G::FM;
  const int column = int(simdgroup) % G::WQ * 8;
  const size_t row_step = size_t((s.Cg + G::CB - 1) / G::CB) * s.taps * 64;
  const int g = int(group.z) % s.groups;
  x += size_t(group.z) * s.Cg * s.L;
  y += size_t(group.z) * s.Og * s.length;
  weight += (size_t(g) * fragments + first) * row_step;
  weight += fragment_row(lane) * 8 + fragment_column(lane);

  for (int tile = 0; tile < s.tiles; ++tile) {
    const int q0 = (int(group.y) * s.tiles + tile) * G::BQ;
    if (q0 >= s.positions) break;
    Fragment sum[G::FM * G::FQ];
#pragma clang loop unroll(full)
    for (int i = 0; i < G::FM * G::FQ; ++i) lucid::clear(sum[i]);
    for (int c = 0; c < s.Cg; c += G::SC) {
      for (int chunk = 0; chunk < s.chunks; ++chunk) {
        const device int* window = chunks + 3 * chunk;
        const int start = q0 * G::SX + s.origin + window[0];
        if (start >= s.L || start + G::W * G::SX <= 0) continue;  // all of it outside of x
        threadgroup_barrier(metal::mem_flags::mem_threadgroup);  // the last readers are done
        stage_tile<G>(memory, x + size_t(c) * s.L, s.Cg - c, s.L, start, int(thread_index));
        threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        // Columns j that meet x in [0, L), or may: those of a fragment see j to j + 7 + W - BQ.
        const int low = (start < 0 ? (G::SX - G::PX - start) / G::SX : 0) - 7 - (G::W - G::BQ);
        const int high = metal::min((s.L - 1 - start) / G::SX + 1, s.positions - q0);
        if (first >= fragments) continue;
        multiply_tile<G, SPARSE>(
            sum, memory + column, weight + size_t(c / G::CB) * s.taps * 64, row_step, offsets,
            present + first * s.taps, window[1], window[2], s.taps, s.Cg - c, fragments - first,
            low - column, high - column, lane);
      }
    }
    store_tile<G, BIAS>(sum, memory, y, bias + g * s.Og, s, int(group.x) * G::BM, q0,
                        int(thread_index), int(simdgroup), lane);
  }
}

}  // namespace lucid
