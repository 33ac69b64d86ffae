// <metal_math>, <metal_common>, <metal_relational> and <metal_geometric>, for scalars and vectors.
// Results are those of clang and libm, not of a GPU.
#pragma once
#pragma clang system_header

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define MAXFLOAT 3.40282347e+38f
#define FLT_MAX 3.40282347e+38f
#define FLT_MIN 1.17549435e-38f
#define FLT_EPSILON 1.19209290e-07f
#define HALF_MAX half(65504.0f)
#define HALF_MIN half(6.103515625e-05f)
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u
#define M_E_F 2.71828183f
#define M_LN2_F 0.693147181f
#define M_LOG2E_F 1.44269504f
#define M_PI_F 3.14159265f
#define M_PI_2_F 1.57079633f
#define M_1_PI_F 0.318309886f
#define M_2_PI_F 0.636619772f
#define M_SQRT2_F 1.41421356f
#define M_SQRT1_2_F 0.707106781f

namespace emu {

template <class T> struct same { using type = T; };  // nothing is deduced from it

// Whether T is float, half or bfloat, or a vector of those.
template <class T> struct floating { enum { value = 0 }; };
template <> struct floating<float> { enum { value = 1 }; };
template <> struct floating<half> { enum { value = 1 }; };
template <> struct floating<bfloat> { enum { value = 1 }; };
template <class T, int N> struct floating<vec<T, N>> : floating<T> {};
template <class T> using real = typename only_if<floating<T>::value, T>::type;

// bfloat goes through float: clang's builtins do not take it.
template <class T> inline T wide(T x) { return x; }
inline float wide(bfloat x) { return float(x); }
template <class T> struct narrower {
  template <class U> static T from(U x) { return T(x); }
};
template <int N> inline vec<float, N> wide(vec<bfloat, N> x) {
  return __builtin_convertvector(x, vec<float, N>);
}
template <int N> struct narrower<vec<bfloat, N>> {
  template <class U> static vec<bfloat, N> from(U x) {
    return __builtin_convertvector(x, vec<bfloat, N>);
  }
};
template <class T, class U> inline T narrow(U x) { return narrower<T>::from(x); }

}  // namespace emu

namespace metal {

// Functions of one and of two arguments that are a builtin.
#define EMU_MATH1(name, builtin) \
  template <class T> inline emu::real<T> name(T x) { \
    return emu::narrow<T>(builtin(emu::wide(x))); \
  }
#define EMU_MATH2(name, builtin) \
  template <class T> inline emu::real<T> name(T x, T y) { \
    return emu::narrow<T>(builtin(emu::wide(x), emu::wide(y))); \
  }
EMU_MATH1(acos, __builtin_elementwise_acos)
EMU_MATH1(asin, __builtin_elementwise_asin)
EMU_MATH1(atan, __builtin_elementwise_atan)
EMU_MATH1(ceil, __builtin_elementwise_ceil)
EMU_MATH1(cos, __builtin_elementwise_cos)
EMU_MATH1(cosh, __builtin_elementwise_cosh)
EMU_MATH1(exp, __builtin_elementwise_exp)
EMU_MATH1(exp2, __builtin_elementwise_exp2)
EMU_MATH1(exp10, __builtin_elementwise_exp10)
EMU_MATH1(fabs, __builtin_elementwise_abs)
EMU_MATH1(floor, __builtin_elementwise_floor)
EMU_MATH1(log, __builtin_elementwise_log)
EMU_MATH1(log2, __builtin_elementwise_log2)
EMU_MATH1(log10, __builtin_elementwise_log10)
EMU_MATH1(rint, __builtin_elementwise_rint)
EMU_MATH1(round, __builtin_elementwise_round)
EMU_MATH1(sin, __builtin_elementwise_sin)
EMU_MATH1(sinh, __builtin_elementwise_sinh)
EMU_MATH1(sqrt, __builtin_elementwise_sqrt)
EMU_MATH1(tan, __builtin_elementwise_tan)
EMU_MATH1(tanh, __builtin_elementwise_tanh)
EMU_MATH1(trunc, __builtin_elementwise_trunc)
EMU_MATH2(atan2, __builtin_elementwise_atan2)
EMU_MATH2(copysign, __builtin_elementwise_copysign)
EMU_MATH2(fmax, __builtin_elementwise_max)
EMU_MATH2(fmin, __builtin_elementwise_min)
EMU_MATH2(fmod, __builtin_elementwise_fmod)
EMU_MATH2(pow, __builtin_elementwise_pow)
EMU_MATH2(powr, __builtin_elementwise_pow)

// The same type on both sides, as in Metal: min(int, uint) is an error.
#define EMU_MINMAX(name) \
  template <class T> inline T name(T x, T y) { \
    return emu::narrow<T>(__builtin_elementwise_##name(emu::wide(x), emu::wide(y))); \
  } \
  template <class T, int N> inline vec<T, N> name(vec<T, N> x, T y) { \
    return name(x, vec<T, N>(y)); \
  }
EMU_MINMAX(max)
EMU_MINMAX(min)

template <class T> inline T clamp(T x, T low, T high) { return min(max(x, low), high); }
template <class T, int N> inline vec<T, N> clamp(vec<T, N> x, T low, T high) {
  return min(max(x, low), high);
}
template <class T> inline T min3(T x, T y, T z) { return min(x, min(y, z)); }
template <class T> inline T max3(T x, T y, T z) { return max(x, max(y, z)); }
template <class T> inline T median3(T x, T y, T z) {
  return max(min(x, y), min(max(x, y), z));
}
template <class T> inline T abs(T x) {
  return emu::narrow<T>(__builtin_elementwise_abs(emu::wide(x)));
}

template <class T> inline emu::real<T> fma(T x, T y, T z) {
  return emu::narrow<T>(__builtin_elementwise_fma(emu::wide(x), emu::wide(y), emu::wide(z)));
}
template <class T> inline emu::real<T> rsqrt(T x) { return T(1) / sqrt(x); }
template <class T> inline emu::real<T> divide(T x, T y) { return x / y; }
template <class T> inline emu::real<T> fract(T x) { return x - floor(x); }
template <class T> inline emu::real<T> saturate(T x) { return clamp(x, T(0), T(1)); }
template <class T> inline emu::real<T> mix(T x, T y, T a) { return x + (y - x) * a; }
template <class T, int N> inline vec<T, N> mix(vec<T, N> x, vec<T, N> y, T a) {
  return x + (y - x) * a;
}
template <class T> inline emu::real<T> step(T edge, T x) { return T(x >= edge ? T(1) : T(0)); }
template <class T> inline emu::real<T> smoothstep(T low, T high, T x) {
  T t = saturate((x - low) / (high - low));
  return t * t * (T(3) - T(2) * t);
}
template <class T> inline emu::real<T> sign(T x) { return T(x > T(0)) - T(x < T(0)); }
template <class T> inline emu::real<T> acosh(T x) { return log(x + sqrt(x * x - T(1))); }
template <class T> inline emu::real<T> asinh(T x) { return log(x + sqrt(x * x + T(1))); }
template <class T> inline emu::real<T> atanh(T x) {
  return T(0.5f) * log((T(1) + x) / (T(1) - x));
}
template <class T> inline emu::real<T> cospi(T x) { return cos(x * T(M_PI_F)); }
template <class T> inline emu::real<T> sinpi(T x) { return sin(x * T(M_PI_F)); }
template <class T> inline emu::real<T> tanpi(T x) { return tan(x * T(M_PI_F)); }
template <class T> inline emu::real<T> fdim(T x, T y) { return max(x - y, T(0)); }
template <class T> inline emu::real<T> ldexp(T x, int n) { return T(x * exp2(float(n))); }
template <class T> inline emu::real<T> sincos(T x, thread T& c) {
  c = cos(x);
  return sin(x);
}
template <class T> inline emu::real<T> modf(T x, thread T& whole) {
  whole = trunc(x);
  return x - whole;
}

// Tests. Those of a vector give a vector of bool.
#define EMU_TEST(name, expression) \
  inline bool name(float x) { return expression; } \
  template <class T> inline bool name(T x) { return name(float(emu::real<T>(x))); } \
  template <class T, int N> inline emu::truth<N> name(vec<T, N> v) { \
    emu::truth<N> r; \
    for (int i = 0; i < N; i++) r[i] = name(v[i]); \
    return r; \
  }
EMU_TEST(isnan, __builtin_isnan(x))
EMU_TEST(isinf, __builtin_isinf(x))
EMU_TEST(isfinite, __builtin_isfinite(x))
EMU_TEST(signbit, __builtin_bit_cast(int, x) < 0)

template <class T> inline T select(T a, T b, bool c) { return c ? b : a; }
template <class T, int N>
inline vec<T, N> select(vec<T, N> a, vec<T, N> b, typename emu::same<emu::truth<N>>::type c) {
  for (int i = 0; i < N; i++) a[i] = c[i] ? b[i] : a[i];
  return a;
}
inline bool all(bool x) { return x; }
inline bool any(bool x) { return x; }
#define EMU_ALL_ANY(N) \
  inline bool all(emu::truth<N> c) { \
    bool r = true; \
    for (int i = 0; i < N; i++) r = r && c[i]; \
    return r; \
  } \
  inline bool any(emu::truth<N> c) { return !all(!c); }
EMU_ALL_ANY(2)
EMU_ALL_ANY(3)
EMU_ALL_ANY(4)

// Geometry.
template <class T, int N> inline T dot(vec<T, N> a, vec<T, N> b) {
  T r = a[0] * b[0];
  for (int i = 1; i < N; i++) r += a[i] * b[i];
  return r;
}
template <class T, int N> inline T length_squared(vec<T, N> a) { return dot(a, a); }
template <class T, int N> inline T length(vec<T, N> a) { return sqrt(dot(a, a)); }
template <class T, int N> inline T distance(vec<T, N> a, vec<T, N> b) { return length(a - b); }
template <class T, int N> inline vec<T, N> normalize(vec<T, N> a) { return a / length(a); }
template <class T> inline vec<T, 3> cross(vec<T, 3> a, vec<T, 3> b) {
  return a.yzx * b.zxy - a.zxy * b.yzx;
}

namespace precise { using namespace metal; }
namespace fast { using namespace metal; }

}  // namespace metal
