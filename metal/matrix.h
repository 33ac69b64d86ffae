#ifndef LUCID_MATRIX_H
#define LUCID_MATRIX_H

// Matrices of 8x8 floats that the 32 lanes of a simdgroup hold together: the operands of the matrix
// unit that every Apple GPU since the M1 has. (In CUDA: the fragments of wmma, of one fixed shape.)
//
// A lane holds two neighbours of one row, (row, column) and (row, column + 1):
//
//     columns     0,1  2,3  4,5  6,7
//     rows 0..3   lane 0    1    8    9        row 0; the next row two lanes on
//     rows 4..7        16   17   24   25       row 4; likewise
//
// Apple does not document this layout; MLX relies on it in all of its matrix kernels. So a fragment
// is filled and read by each lane with two plain accesses, at any alignment and from any type,
// where simdgroup_load would ask for a full 8x8 of floats. All lanes of a simdgroup must call
// multiply_accumulate together: conditions around it depend on nothing that differs by lane.

#include <metal_simdgroup_matrix>

namespace lucid {

typedef metal::simdgroup_matrix<float, 8, 8> Fragment;

inline int fragment_row(uint lane) {
  return int(lane / 16 * 4 + lane / 2 % 4);
}

inline int fragment_column(uint lane) {
  return int(lane / 8 % 2 * 4 + lane % 2 * 2);
}

inline void clear(thread Fragment& a) {
  a.thread_elements()[0] = 0.0f;
  a.thread_elements()[1] = 0.0f;
}

// The two elements of this lane from at[0] and at[step]. P is a pointer of any address space and
// element type.
template <typename P>
inline void load(thread Fragment& a, P at, int step) {
  a.thread_elements()[0] = static_cast<float>(at[0]);
  a.thread_elements()[1] = static_cast<float>(at[step]);
}

// a[r][c] = from[r * row_step + c * column_step]; with the steps exchanged, the transposed matrix.
template <typename P>
inline void load(thread Fragment& a, P from, int row_step, int column_step, uint lane) {
  from += fragment_row(lane) * row_step + fragment_column(lane) * column_step;
  lucid::load(a, from, column_step);
}

// to[r * row_step + c * column_step] = a[r][c].
inline void store(
    thread Fragment& a, threadgroup float* to, int row_step, int column_step, uint lane) {
  to += fragment_row(lane) * row_step + fragment_column(lane) * column_step;
  to[0] = a.thread_elements()[0];
  to[column_step] = a.thread_elements()[1];
}

// sum += a b
inline void multiply_accumulate(
    thread Fragment& sum, thread Fragment& a, thread Fragment& b) {
  metal::simdgroup_multiply_accumulate(sum, a, b, sum);
}

}  // namespace lucid

#endif
