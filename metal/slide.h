#ifndef LUCID_SLIDE_H
#define LUCID_SLIDE_H

namespace lucid {

// sum[r] += sum over m < count of w[m * step] * x[at + (r + m) * hop], for R outputs of one channel.
//
// Output r meets at tap m what output r + 1 met at tap m - 1: R values of x stay in registers and
// move on by one for each tap, so a tap costs one read of x and one of w for R multiply-adds.
//
// Where ENDS, some of it may lie outside: positions of x not in [0, L), outputs t + r * dt not in
// [0, length). Those products are not made, rather than made with zeros.
template <int R, bool ENDS, typename X, typename W>
inline void slide(
    thread float* sum, X x, int at, int hop, int L, W w, int step, int count, int t, int dt,
    int length) {
  float window[R];
  for (int r = 0; r < R - 1; ++r) {
    const int i = at + r * hop;
    window[r] = !ENDS || (i >= 0 && i < L) ? static_cast<float>(x[i]) : 0.0f;
  }
  for (int m = 0; m < count; ++m) {
    const int i = at + m * hop, last = i + (R - 1) * hop;
    const float weight = static_cast<float>(w[m * step]);
    window[R - 1] = !ENDS || (last >= 0 && last < L) ? static_cast<float>(x[last]) : 0.0f;
    for (int r = 0; r < R; ++r) {
      const bool reached = i + r * hop >= 0 && i + r * hop < L;
      const bool wanted = t + r * dt >= 0 && t + r * dt < length;
      if (!ENDS || (reached && wanted)) sum[r] += weight * window[r];
    }
    for (int r = 0; r < R - 1; ++r) window[r] = window[r + 1];
  }
}

}  // namespace lucid

#endif
