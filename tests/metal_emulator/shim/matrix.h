// <metal_simdgroup_matrix>: 8 x 8 matrices spread over a simdgroup, two elements a lane, in the
// layout that MLX's own kernels rely on.
#pragma once
#pragma clang system_header

namespace emu {
// What a lane holds of a matrix. In Metal it is a vec<T, 64>, of which kernels use the first two: so
// it is no vec<T, 2>, but can be read as one.
template <class T> struct alignas(2 * sizeof(T)) lane_elements {
  T at[2];
  EMU_AT_CALLER thread T& operator[](int i) { return at[i]; }
  EMU_AT_CALLER T operator[](int i) const { return at[i]; }
};
}  // namespace emu

namespace metal {

template <class T, int Columns, int Rows> struct simdgroup_matrix {
  static_assert(Columns == 8 && Rows == 8, "simdgroup matrices are 8 x 8");
  emu::lane_elements<T> elements;

  simdgroup_matrix() = default;
  // A diagonal matrix.
  explicit simdgroup_matrix(T value);
  EMU_AT_CALLER thread emu::lane_elements<T>& thread_elements() { return elements; }
  EMU_AT_CALLER const thread emu::lane_elements<T>& thread_elements() const { return elements; }
};
using simdgroup_float8x8 = simdgroup_matrix<float, 8, 8>;
using simdgroup_half8x8 = simdgroup_matrix<half, 8, 8>;
using simdgroup_bfloat8x8 = simdgroup_matrix<bfloat, 8, 8>;

}  // namespace metal

namespace emu {
// Where this lane's elements lie: (row, column) and (row, column + 1).
inline int matrix_row() {
  int lane = int(emu_lane());
  return (lane / 4 & 4) + lane / 2 % 4;
}
inline int matrix_column() {
  int lane = int(emu_lane());
  return (lane / 4 & 2) * 2 + lane % 2 * 2;
}
template <class T, class A, class B>
__attribute__((noinline)) lane_elements<T> multiply(lane_elements<A> a, lane_elements<B> b,
                                                    lane_elements<T> c, int line, int col) {
  float x[2] = {float(a[0]), float(a[1])}, y[2] = {float(b[0]), float(b[1])};
  float z[2] = {float(c[0]), float(c[1])}, d[2];
  emu_matrix_multiply(x, y, z, d, line, col);
  return {T(d[0]), T(d[1])};
}
}  // namespace emu

namespace metal {

template <class T, int C, int R> simdgroup_matrix<T, C, R>::simdgroup_matrix(T value) {
  int row = emu::matrix_row(), column = emu::matrix_column();
  elements[0] = row == column ? value : T(0);
  elements[1] = row == column + 1 ? value : T(0);
}

template <class T, int C, int R = C>
inline simdgroup_matrix<T, C, R> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, C, R> m;
  m.elements[0] = m.elements[1] = value;
  return m;
}

// Element (row, column) of the matrix at `from` is from[row * stride + column] past the origin
// (column, row).
#define EMU_MATRIX_MEMORY(space) \
  template <class T> \
  EMU_AT_CALLER void simdgroup_load(thread simdgroup_matrix<T, 8, 8>& m, const space T* from, \
                             ulong stride = 8, ulong2 origin = 0, bool transposed = false) { \
    ulong row = emu::matrix_row(), column = emu::matrix_column(); \
    from += origin.y * stride + origin.x; \
    m.elements[0] = from[transposed ? column * stride + row : row * stride + column]; \
    m.elements[1] = from[transposed ? (column + 1) * stride + row : row * stride + column + 1]; \
  } \
  template <class T> \
  EMU_AT_CALLER void simdgroup_store(simdgroup_matrix<T, 8, 8> m, space T* to, ulong stride = 8, \
                              ulong2 origin = 0, bool transposed = false) { \
    ulong row = emu::matrix_row(), column = emu::matrix_column(); \
    to += origin.y * stride + origin.x; \
    to[transposed ? column * stride + row : row * stride + column] = m.elements[0]; \
    to[transposed ? (column + 1) * stride + row : row * stride + column + 1] = m.elements[1]; \
  }
EMU_MATRIX_MEMORY(threadgroup)
EMU_MATRIX_MEMORY(device)

template <class D, class A, class B, class C>
inline void simdgroup_multiply_accumulate(thread simdgroup_matrix<D, 8, 8>& d,
                                          simdgroup_matrix<A, 8, 8> a, simdgroup_matrix<B, 8, 8> b,
                                          simdgroup_matrix<C, 8, 8> c, EMU_HERE) {
  emu::lane_elements<D> sum = {D(c.elements[0]), D(c.elements[1])};
  d.elements = emu::multiply<D>(a.elements, b.elements, sum, line, col);
}
template <class D, class A, class B>
inline void simdgroup_multiply(thread simdgroup_matrix<D, 8, 8>& d, simdgroup_matrix<A, 8, 8> a,
                               simdgroup_matrix<B, 8, 8> b, EMU_HERE) {
  emu::lane_elements<D> zero = {D(0), D(0)};
  d.elements = emu::multiply<D>(a.elements, b.elements, zero, line, col);
}

}  // namespace metal
