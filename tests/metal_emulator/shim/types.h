// Scalars, vectors, address spaces and conversions.
#pragma once
#pragma clang system_header

#define device __attribute__((address_space(1)))
#define constant __attribute__((address_space(2)))
#define threadgroup __attribute__((address_space(3)))
#define thread
#define kernel

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef _Float16 half;

typedef __bf16 bfloat;

#define EMU_VECTOR(T, N) typedef T T##N __attribute__((ext_vector_type(N)));
#define EMU_VECTORS(T) EMU_VECTOR(T, 2) EMU_VECTOR(T, 3) EMU_VECTOR(T, 4)
EMU_VECTORS(char)
EMU_VECTORS(uchar)
EMU_VECTORS(short)
EMU_VECTORS(ushort)
EMU_VECTORS(int)
EMU_VECTORS(uint)
EMU_VECTORS(long)
EMU_VECTORS(ulong)
EMU_VECTORS(half)
EMU_VECTORS(bfloat)
EMU_VECTORS(float)

// Vectors of memory without the alignment of vectors; those of 3 take the room of 3.
#define EMU_PACKED(T) \
  typedef T packed_##T##2 __attribute__((ext_vector_type(2), aligned(sizeof(T)))); \
  typedef T packed_##T##4 __attribute__((ext_vector_type(4), aligned(sizeof(T))));
EMU_PACKED(char)
EMU_PACKED(uchar)
EMU_PACKED(short)
EMU_PACKED(ushort)
EMU_PACKED(int)
EMU_PACKED(uint)
EMU_PACKED(half)
EMU_PACKED(float)

namespace metal {
template <class T, int N> using vec = T __attribute__((ext_vector_type(N)));
}  // namespace metal
using metal::vec;

// bool2 to bool4. In Metal they are what comparisons of vectors give. In clang those give a vector of
// signed integers, which becomes a bool4 here; lint.py looks after integers that are no comparison.
namespace emu {
template <bool B, class T> struct only_if {};
template <class T> struct only_if<true, T> { using type = T; };

template <int N> struct components;
template <> struct components<2> { union { bool at[2]; struct { bool x, y; }; }; };
template <> struct components<3> { union { bool at[4]; struct { bool x, y, z; }; }; };
template <> struct components<4> { union { bool at[4]; struct { bool x, y, z, w; }; }; };

template <int N> struct truth : components<N> {
  truth() = default;
  truth(bool b) { for (int i = 0; i < N; i++) this->at[i] = b; }
  template <class I, class = typename only_if<__is_integral(I) && __is_signed(I), I>::type>
  truth(vec<I, N> v) { for (int i = 0; i < N; i++) this->at[i] = v[i]; }
  bool& operator[](int i) { return this->at[i]; }
  bool operator[](int i) const { return this->at[i]; }
#define EMU_TRUTH(op) \
  friend truth operator op(truth a, truth b) { \
    truth r; \
    for (int i = 0; i < N; i++) r[i] = a[i] op b[i]; \
    return r; \
  }
  EMU_TRUTH(&&) EMU_TRUTH(||) EMU_TRUTH(==) EMU_TRUTH(!=) EMU_TRUTH(&) EMU_TRUTH(|) EMU_TRUTH(^)
  friend truth operator!(truth a) { return a == truth(false); }
};
}  // namespace emu
typedef emu::truth<2> bool2;
typedef emu::truth<3> bool3;
typedef emu::truth<4> bool4;

// Makers of vectors: `float4(a, v.yz, 1.0f)`. clang has no such syntax; the names of the types are
// function-like macros, which leaves other uses of the names alone.
namespace emu {
template <class V> struct shape;
template <class T, int N> struct shape<vec<T, N>> {
  using element = T;
  enum { size = N };
};
template <int N> struct shape<truth<N>> {
  using element = bool;
  enum { size = N };
};
// The number of components of a scalar or vector.
template <class U> struct count { enum { value = 1 }; };
template <class U, int M> struct count<vec<U, M>> { enum { value = M }; };
template <int M> struct count<truth<M>> { enum { value = M }; };

template <class T, class U> inline void put(T* to, int& at, U x) { to[at++] = T(x); }
template <class T, class U, int M> inline void put(T* to, int& at, vec<U, M> x) {
  for (int i = 0; i < M; i++) to[at++] = T(x[i]);
}
template <class T, int M> inline void put(T* to, int& at, truth<M> x) {
  for (int i = 0; i < M; i++) to[at++] = T(x[i]);
}
template <class V, class... Parts> inline V mk(Parts... parts) {
  using T = typename shape<V>::element;
  constexpr int given = (0 + ... + int(count<Parts>::value)), size = shape<V>::size;
  static_assert(given == size || given == 1 || given == 0,
                "a vector is made of as many components as it has, or of one for all");
  T e[given ? given : 1] = {};
  int n = 0;
  (put(e, n, parts), ...);
  V v;
  for (int i = 0; i < size; i++) v[i] = e[given == size ? i : 0];
  return v;
}
}  // namespace emu

#define bool2(...) emu::mk<bool2>(__VA_ARGS__)
#define bool3(...) emu::mk<bool3>(__VA_ARGS__)
#define bool4(...) emu::mk<bool4>(__VA_ARGS__)
#define char2(...) emu::mk<char2>(__VA_ARGS__)
#define char3(...) emu::mk<char3>(__VA_ARGS__)
#define char4(...) emu::mk<char4>(__VA_ARGS__)
#define uchar2(...) emu::mk<uchar2>(__VA_ARGS__)
#define uchar3(...) emu::mk<uchar3>(__VA_ARGS__)
#define uchar4(...) emu::mk<uchar4>(__VA_ARGS__)
#define short2(...) emu::mk<short2>(__VA_ARGS__)
#define short3(...) emu::mk<short3>(__VA_ARGS__)
#define short4(...) emu::mk<short4>(__VA_ARGS__)
#define ushort2(...) emu::mk<ushort2>(__VA_ARGS__)
#define ushort3(...) emu::mk<ushort3>(__VA_ARGS__)
#define ushort4(...) emu::mk<ushort4>(__VA_ARGS__)
#define int2(...) emu::mk<int2>(__VA_ARGS__)
#define int3(...) emu::mk<int3>(__VA_ARGS__)
#define int4(...) emu::mk<int4>(__VA_ARGS__)
#define uint2(...) emu::mk<uint2>(__VA_ARGS__)
#define uint3(...) emu::mk<uint3>(__VA_ARGS__)
#define uint4(...) emu::mk<uint4>(__VA_ARGS__)
#define long2(...) emu::mk<long2>(__VA_ARGS__)
#define long3(...) emu::mk<long3>(__VA_ARGS__)
#define long4(...) emu::mk<long4>(__VA_ARGS__)
#define ulong2(...) emu::mk<ulong2>(__VA_ARGS__)
#define ulong3(...) emu::mk<ulong3>(__VA_ARGS__)
#define ulong4(...) emu::mk<ulong4>(__VA_ARGS__)
#define half2(...) emu::mk<half2>(__VA_ARGS__)
#define half3(...) emu::mk<half3>(__VA_ARGS__)
#define half4(...) emu::mk<half4>(__VA_ARGS__)
#define bfloat2(...) emu::mk<bfloat2>(__VA_ARGS__)
#define bfloat3(...) emu::mk<bfloat3>(__VA_ARGS__)
#define bfloat4(...) emu::mk<bfloat4>(__VA_ARGS__)
#define float2(...) emu::mk<float2>(__VA_ARGS__)
#define float3(...) emu::mk<float3>(__VA_ARGS__)
#define float4(...) emu::mk<float4>(__VA_ARGS__)

namespace metal {
namespace emu = ::emu;
template <class T, class U> constexpr T as_type(U x) {
  static_assert(sizeof(T) == sizeof(U), "as_type needs types of the same size");
  return __builtin_bit_cast(T, x);
}
}  // namespace metal
