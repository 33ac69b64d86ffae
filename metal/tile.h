#ifndef LUCID_TILE_H
#define LUCID_TILE_H

// Rows of device memory in threadgroup memory, as float, and runs of four of them in registers.
//
// A tile has S planes: plane p holds every S-th value of a row, from the p-th on. So a convolution of
// stride S is one of stride 1 in each plane, and neighbouring threads meet neighbouring banks. For
// the same reason planes lie a whole and odd number of float4 apart.

namespace lucid {

// Copies x[first], x[first + 1], ... into `count` / S places of each plane; outside of [0, L) there
// are zeros. This thread is one of `lanes`; neighbouring lanes read neighbouring values.
template <int S, int PLANE, typename Pointer>
inline void stage(
    threadgroup float* tile, Pointer x, int first, int count, int L, int lane, int lanes) {
  for (int column = lane; column < count; column += lanes) {
    const int i = first + column;
    const uint place = static_cast<uint>(column);
    tile[place % S * PLANE + place / S] = i >= 0 && i < L ? static_cast<float>(x[i]) : 0.0f;
  }
}

// What a thread computes at once: a float4, or at the edges a single value.
template <int R> struct Run { typedef float4 type; };
template <> struct Run<1> { typedef float type; };

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

inline float read(threadgroup const float* at, float) {
  return at[0];
}

inline float4 read(threadgroup const float* at, float4) {
  return reinterpret_cast<threadgroup const float4*>(at)[0];
}

inline void write(threadgroup float* at, float run) {
  at[0] = run;
}

inline void write(threadgroup float* at, float4 run) {
  reinterpret_cast<threadgroup float4*>(at)[0] = run;
}

// The two float4 of threadgroup memory that the last run lay in. A run begins anywhere, but memory
// is read in whole and aligned float4, each of them once.
struct Window {
  float4 low, high;
};

// The run at[offset ...], after the one at[before ...], before <= offset, or after none where it is
// negative. Both are constants once the loop over taps is unrolled: what remains of this is a read
// or none.
inline void next_run(
    thread Window& window, threadgroup const float* at, int before, int offset, thread float4& run) {
  threadgroup const float4* quads = reinterpret_cast<threadgroup const float4*>(at) + offset / 4;
  const int moved = before < 0 ? 2 : offset / 4 - before / 4;
  const bool two = before >= 0 && before % 4 != 0;
  if (moved == 1 && two) {
    window.low = window.high;
  } else if (moved > 0) {
    window.low = quads[0];
  }
  if (offset % 4 != 0 && (moved > 0 || !two)) {
    window.high = quads[1];
  }
  const float4 low = window.low, high = window.high;
  if (offset % 4 == 0) {
    run = low;
  } else if (offset % 4 == 1) {
    run = float4(low.yzw, high.x);
  } else if (offset % 4 == 2) {
    run = float4(low.zw, high.xy);
  } else {
    run = float4(low.w, high.xyz);
  }
}

inline void next_run(
    thread Window&, threadgroup const float* at, int, int offset, thread float& run) {
  run = at[offset];
}

}  // namespace lucid

#endif
