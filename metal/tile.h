#ifndef LUCID_TILE_H
#define LUCID_TILE_H

// Rows of device memory held in threadgroup memory as float, and runs of them read as vectors.
//
// A tile is S planes: plane p of a row holds every S-th value of it, from the p-th on, so that a
// convolution of stride S is one of stride 1 in each plane and neighbouring threads meet
// neighbouring banks. A plane is a whole and odd number of float4, for the same reason.

namespace lucid {

constexpr int round_up(int n, int to) {
  return (n + to - 1) / to * to;
}

// i / n for inverse = 1.0f / n and i, n below 2^20, at a fraction of the price of an integer
// division. It is exact: (i + 0.5) / n lies at least 0.5 / n off an integer, rounding moves it less.
inline int divide(int i, float inverse) {
  return static_cast<int>((static_cast<float>(i) + 0.5f) * inverse);
}

// A cell of a grid that is `width` columns wide; `advance` moves a fixed number of cells on.
struct Walk {
  int row, column, width;
  int rows, columns;  // of one step
};

inline Walk walk(int first, int step, int width) {
  const float inverse = 1.0f / static_cast<float>(width);
  const int row = divide(first, inverse), rows = divide(step, inverse);
  return {row, first - row * width, width, rows, step - rows * width};
}

inline void advance(thread Walk& at) {
  at.row += at.rows;
  at.column += at.columns;
  if (at.column >= at.width) {
    at.column -= at.width;
    at.row += 1;
  }
}

// Copies `rows` rows into a tile, each S * width values from position `first` on, zero outside of
// [0, L). `x` points to the first row, the next lies `step` elements on. Value i of row r lands at
// tile[i % S * PLANE + r * width + i / S]. Neighbouring threads read neighbouring values.
template <int S, int PLANE, typename Pointer>
inline void stage(
    threadgroup float* tile, int width, Pointer x, size_t step, int rows, int first, int L,
    int thread_index, int threads) {
  for (Walk at = walk(thread_index, threads, S * width); at.row < rows; advance(at)) {
    const int i = first + at.column;
    tile[at.column % S * PLANE + at.row * width + at.column / S] =
        i >= 0 && i < L ? static_cast<float>(x[at.row * step + i]) : 0.0f;
  }
}

// at[offset], and as float4 the run of four from there: two aligned reads, of which the compiler
// drops those that neighbouring taps have done already. `at` is aligned to a float4; `offset` is
// a constant once the loop over taps is unrolled.
inline void load(threadgroup const float* at, int offset, thread float& run) {
  run = at[offset];
}

inline void load(threadgroup const float* at, int offset, thread float4& run) {
  threadgroup const float4* quads = reinterpret_cast<threadgroup const float4*>(at) + offset / 4;
  run = quads[0];
  if (offset % 4 == 1) {
    run = float4(run.yzw, quads[1].x);
  } else if (offset % 4 == 2) {
    run = float4(run.zw, quads[1].xy);
  } else if (offset % 4 == 3) {
    run = float4(run.w, quads[1].xyz);
  }
}

inline void store(threadgroup float* at, float run) {
  at[0] = run;
}

inline void store(threadgroup float* at, float4 run) {
  reinterpret_cast<threadgroup float4*>(at)[0] = run;
}

inline float get(float run, int) {
  return run;
}

inline float get(float4 run, int i) {
  return i < 2 ? (i == 0 ? run.x : run.y) : (i == 2 ? run.z : run.w);
}

inline void set(thread float& run, int, float value) {
  run = value;
}

inline void set(thread float4& run, int i, float value) {
  run = select(run, float4(value), int4(0, 1, 2, 3) == int4(i));
}

}  // namespace lucid

#endif
