#ifndef LUCID_SLIDE_H
#define LUCID_SLIDE_H

namespace lucid {

// What one input channel adds to R outputs in each of OC channels, by taps that lie `hop` apart:
//
//     sum[o*R + r] += sum over m < count of
//         w[o*channel_step + m*tap_step] * x[at + (r + m)*hop]
//
// Output r meets at tap m what output r + 1 met at tap m - 1. So R values of x stay in registers
// and move on by one for each tap: OC + 1 reads for OC * R multiply-adds.
//
// Where ENDS, some of it may lie outside: positions of x not in [0, L), outputs t + r * dt not in
// [0, length). Those products are left out, not made with zeros.
template <int OC, int R, bool ENDS, typename X, typename W>
inline void slide(
    thread float* sum, X x, int at, int hop, int L, W w, int tap_step, int channel_step, int count,
    int t, int dt, int length) {
  float window[R];
#pragma clang loop unroll(full)
  for (int r = 0; r < R - 1; ++r) {
    const int i = at + r * hop;
    window[r] = !ENDS || (i >= 0 && i < L) ? static_cast<float>(x[i]) : 0.0f;
  }
  for (int m = 0; m < count; ++m) {
    const int i = at + m * hop, last = i + (R - 1) * hop;
    window[R - 1] = !ENDS || (last >= 0 && last < L) ? static_cast<float>(x[last]) : 0.0f;
#pragma clang loop unroll(full)
    for (int o = 0; o < OC; ++o) {
      const float tap = static_cast<float>(w[o * channel_step + m * tap_step]);
#pragma clang loop unroll(full)
      for (int r = 0; r < R; ++r) {
        const bool reached = i + r * hop >= 0 && i + r * hop < L;
        const bool wanted = t + r * dt >= 0 && t + r * dt < length;
        if (!ENDS || (reached && wanted)) sum[o * R + r] += tap * window[r];
      }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R - 1; ++r) window[r] = window[r + 1];
  }
}

}  // namespace lucid

#endif
