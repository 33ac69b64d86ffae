// Metal's language and standard library for clang, included before every kernel. On x86-64 and arm64
// pointers of address spaces 1 to 3 are ordinary pointers of their own types, so that clang checks
// and keeps the spaces. The kernel's text is C++14; a system header may use newer C++.
#pragma once
#pragma clang system_header

#include "../runtime.h"
#include "types.h"
#include "math.h"
#include "integer.h"
#include "traits.h"
#include "atomic.h"
#include "simd.h"
#include "matrix.h"
#include "mlx.h"

// A kernel takes its arguments from here. F is the type of the kernel function.
namespace emu {

template <int I, class F> struct parameter;
template <int I, class R, class A, class... Rest>
struct parameter<I, R(A, Rest...)> : parameter<I - 1, R(Rest...)> {};
template <class R, class A, class... Rest> struct parameter<0, R(A, Rest...)> { using type = A; };

template <class A> struct from_pointer {
  static A get(void* p) { return (A)p; }
};
template <class A> struct from_pointer<A&> {
  static A& get(void* p) { return *(A*)p; }
};
template <class F, int I> auto buffer(void* p) -> typename parameter<I, F>::type {
  return from_pointer<typename parameter<I, F>::type>::get(p);
}

// An attribute is declared with 1 to 3 components, of ushort or uint.
template <class A> struct from_words {
  static A get(const u32* w) { return A(w[0]); }
  static A get(u32 w) { return A(w); }
};
template <class T> struct from_words<vec<T, 2>> {
  static vec<T, 2> get(const u32* w) { return {T(w[0]), T(w[1])}; }
};
template <class T> struct from_words<vec<T, 3>> {
  static vec<T, 3> get(const u32* w) { return {T(w[0]), T(w[1]), T(w[2])}; }
};
template <class F, int I, class W>
auto attribute(const W& words) -> typename parameter<I, F>::type {
  return from_words<typename parameter<I, F>::type>::get(words);
}

}  // namespace emu

using namespace metal;

#define METAL_FUNC inline __attribute__((always_inline))
#define __METAL__ 1
#define __METAL_VERSION__ 320
#pragma clang poison double
