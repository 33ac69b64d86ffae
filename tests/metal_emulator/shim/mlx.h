// The global names that MLX puts before a kernel, so that a clash with one of them is an error here
// too. They work as in MLX as far as kernels use them.
#pragma once
#pragma clang system_header

typedef half float16_t;
typedef bfloat bfloat16_t;

static constexpr constant int MAX_REDUCE_SPECIALIZED_DIMS = 4;
static constexpr constant int REDUCE_N_READS = 4;
static constexpr constant int REDUCE_N_WRITES = 4;
static constexpr constant int SOFTMAX_N_READS = 4;
static constexpr constant int RMS_N_READS = 4;
static constexpr constant int RMS_LOOPED_LIMIT = 4096;
static constexpr constant int CROSS_ENTROPY_N_READS = 4;
#define MLX_MTL_PRAGMA_UNROLL _Pragma("clang loop unroll(full)")
#define MLX_MTL_LOOP_UNROLL _Pragma("clang loop unroll(full)")
#define instantiate_kernel(name, func, ...) template decltype(func<__VA_ARGS__>) func<__VA_ARGS__>;

template <class U> struct WorkPerThread { static constexpr int constant n = 8 / sizeof(U); };
template <class T> struct complex_t {
  T real, imag;
  complex_t() = default;
  constexpr complex_t(T r, T i = T(0)) : real(r), imag(i) {}
};
typedef complex_t<float> complex64_t;

template <class U> struct Limits {
  static constexpr constant U max = metal::numeric_limits<U>::max();
  static constexpr constant U min = metal::numeric_limits<U>::min();
  static constexpr constant U finite_max = max;
  static constexpr constant U finite_min = min;
};
#define EMU_MLX_LIMITS(T) \
  template <> struct Limits<T> { \
    static constexpr constant T max = metal::numeric_limits<T>::infinity(); \
    static constexpr constant T min = T(-metal::numeric_limits<T>::infinity()); \
    static constexpr constant T finite_max = metal::numeric_limits<T>::max(); \
    static constexpr constant T finite_min = T(-metal::numeric_limits<T>::max()); \
  };
EMU_MLX_LIMITS(half)
EMU_MLX_LIMITS(float)
EMU_MLX_LIMITS(bfloat)
#define instantiate_default_limit(type)
#define instantiate_float_limit(type)

template <class I = int64_t>
inline I elem_to_loc(I elem, const constant int* shape, const constant int64_t* strides, int ndim) {
  I loc = 0;
  for (int i = ndim - 1; i >= 0 && elem > 0; --i) {
    loc += (elem % shape[i]) * I(strides[i]);
    elem /= shape[i];
  }
  return loc;
}
template <class I = int64_t>
inline I elem_to_loc(uint3 elem, const constant int* shape, const constant int64_t* strides,
                     int ndim) {
  I loc = elem.x * I(strides[ndim - 1]) + elem.y * I(strides[ndim - 2]);
  for (int d = ndim - 3; d >= 0; --d) {
    loc += (elem.z % shape[d]) * I(strides[d]);
    elem.z /= shape[d];
  }
  return loc;
}
template <class I = int64_t> inline I elem_to_loc_1(uint elem, const constant int64_t& stride) {
  return elem * I(stride);
}
template <class I = int64_t>
inline I elem_to_loc_2(uint2 elem, const constant int64_t* strides) {
  return elem.x * I(strides[1]) + elem.y * I(strides[0]);
}
template <class I = int64_t>
inline I elem_to_loc_3(uint3 elem, const constant int64_t* strides) {
  return elem.x * I(strides[2]) + elem.y * I(strides[1]) + elem.z * I(strides[0]);
}
template <class I = int64_t>
vec<I, 2> elem_to_loc_2_nd(uint3, const constant int*, const constant int64_t*,
                           const constant int64_t*, int);
template <class I = int64_t>
vec<I, 3> elem_to_loc_3_nd(uint3, const constant int*, const constant int64_t*,
                           const constant int64_t*, const constant int64_t*, int);
template <int D, class Offset = size_t, bool General = true> struct LoopedElemToLoc;

template <class T, class U> inline T ceildiv(T n, U m) { return (n + m - 1) / m; }
inline float log1p(float x) {
  float y = 1.0f + x;
  return y == 1.0f ? x : x * (metal::log(y) / (y - 1.0f));
}
inline bfloat log1p(bfloat x) { return bfloat(log1p(float(x))); }
inline float hypot(float x, float y) { return metal::sqrt(x * x + y * y); }
inline uint16_t bfloat16_to_uint16(bfloat x) { return metal::as_type<uint16_t>(x); }
inline bfloat uint16_to_bfloat16(uint16_t x) { return metal::as_type<bfloat>(x); }

template <bool B, class T, class U> struct ConditionalType { using type = U; };
template <class T, class U> struct ConditionalType<true, T, U> { using type = T; };
template <class U, class T> inline U cast_to(T x) { return static_cast<U>(x); }
template <int BM> bool schedule_row_tile(const device int32_t* offsets);
