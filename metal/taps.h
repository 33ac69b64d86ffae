#ifndef LUCID_TAPS_H
#define LUCID_TAPS_H

// The loops over the taps of a convolution, for a run of outputs of one thread and a row that lies
// in threadgroup memory (`tile.h`). All indices are constants once they are unrolled. Products are
// added by fma: one rounding each, with whatever a compiler may contract.

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
    next_run(windows[p], x + p * PLANE, k < CYCLE ? -1 : (k - CYCLE) * D / S, k * D / S, run);
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
    next_run(window, x - BACK, i == 0 ? -1 : BACK - (k + 1) * D / S, BACK - k * D / S, run);
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
    next_run(windows[p], x + p * PLANE, k < CYCLE ? -1 : (k - CYCLE) * D / S, k * D / S, run);
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
      correlate<COUNT, S, D, PLANE>(x + r, read(g + r, 0.0f), sums);
    }
  }
}

}  // namespace lucid

#endif
