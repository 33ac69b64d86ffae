// <metal_atomic>: relaxed operations on device and threadgroup memory. P is atomic<T> with its
// address space and qualifiers.
#pragma once
#pragma clang system_header

// Inlined even without optimisation, so that an access is reported at the kernel's line.
#define EMU_AT_CALLER inline __attribute__((always_inline))

namespace emu {
template <unsigned Bytes> struct word;
template <> struct word<1> { using type = unsigned char; };
template <> struct word<4> { using type = unsigned int; };
template <> struct word<8> { using type = unsigned long; };
}  // namespace emu

namespace metal {

enum memory_order { memory_order_relaxed };

// `bits` because clang loads and stores integers only.
template <class T> struct atomic {
  union {
    T value;
    typename emu::word<sizeof(T)>::type bits;
  };
};
using atomic_int = atomic<int>;
using atomic_uint = atomic<uint>;
using atomic_float = atomic<float>;
using atomic_bool = atomic<bool>;

template <class P> EMU_AT_CALLER auto atomic_load_explicit(P* p, memory_order) {
  return __builtin_bit_cast(decltype(p->value), __atomic_load_n(&p->bits, __ATOMIC_RELAXED));
}
template <class P, class V> EMU_AT_CALLER void atomic_store_explicit(P* p, V x, memory_order) {
  decltype(p->value) v = x;
  __atomic_store_n(&p->bits, __builtin_bit_cast(decltype(p->bits), v), __ATOMIC_RELAXED);
}
template <class P, class V> EMU_AT_CALLER auto atomic_exchange_explicit(P* p, V x, memory_order) {
  decltype(p->value) v = x;
  auto bits = __builtin_bit_cast(decltype(p->bits), v);
  return __builtin_bit_cast(decltype(v), __atomic_exchange_n(&p->bits, bits, __ATOMIC_RELAXED));
}
template <class P, class T>
EMU_AT_CALLER bool atomic_compare_exchange_weak_explicit(P* p, thread T* expected, T x, memory_order,
                                                  memory_order) {
  auto bits = __builtin_bit_cast(decltype(p->bits), *expected);
  bool done = __atomic_compare_exchange_n(&p->bits, &bits, __builtin_bit_cast(decltype(bits), x),
                                          false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  *expected = __builtin_bit_cast(T, bits);
  return done;
}
#define EMU_FETCH(name) \
  template <class P, class V> \
  EMU_AT_CALLER auto atomic_fetch_##name##_explicit(P* p, V x, memory_order) { \
    decltype(p->value) v = x; \
    return __atomic_fetch_##name(&p->value, v, __ATOMIC_RELAXED); \
  }
EMU_FETCH(add)
EMU_FETCH(sub)
EMU_FETCH(and)
EMU_FETCH(or)
EMU_FETCH(xor)
EMU_FETCH(min)
EMU_FETCH(max)

}  // namespace metal
