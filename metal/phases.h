#ifndef LUCID_PHASES_H
#define LUCID_PHASES_H

// A piece of a signal in threadgroup memory, sorted so that every tap reads with stride 1.
//
// With stride S and dilation D, tap k = p + m*PHASES meets x[t*S + k*D - left]. Where
// PHASES*D = STEP*S, that is plane[p][t + m*STEP] of the planes plane[p][q] = x[q*S + p*D - left].
// `lucid/kernels/phases.py` chooses PHASES and STEP.

namespace lucid {

// Fills planes[(c*PHASES + p)*ROW + q], q < SPAN, of `channels` neighbouring channels c. `x` points
// to the first of them, `start` is the position of plane[0][0] in it. Outside of x there are zeros.
template <int PHASES, int S, int D, int SPAN, int ROW, int THREADS, typename Pointer>
inline void stage_phases(
    threadgroup float* planes, Pointer x, int L, int channels, int start, int thread_index) {
  constexpr int SIZE = PHASES * SPAN;
  for (int i = thread_index; i < channels * SIZE; i += THREADS) {
    const int c = i / SIZE, r = i % SIZE;
    // Phases within one stride lie beside each other in x: neighbouring threads take them.
    const int p = D < S ? r % PHASES : r / SPAN;
    const int q = D < S ? r / PHASES : r % SPAN;
    const int position = start + q * S + p * D;
    planes[(c * PHASES + p) * ROW + q] = position >= 0 && position < L
        ? static_cast<float>(x[static_cast<size_t>(c) * L + position])
        : 0.0f;
  }
}

} // namespace lucid

#endif
