// <metal_atomic>: relaxed operations on device and threadgroup memory. P is atomic<T> with its
// address space and qualifiers.
#pragma once
#pragma clang system_header

// Inlined even without optimisation, so that an access is reported at the kernel's line.
#define EMU_AT_CALLER inline __attribute__((always_inline))

namespace metal {

enum memory_order { memory_order_relaxed };

template <class T> struct atomic { T value; };
using atomic_int = atomic<int>;
using atomic_uint = atomic<uint>;
using atomic_float = atomic<float>;
using atomic_bool = atomic<bool>;

template <class P> EMU_AT_CALLER auto atomic_load_explicit(P* p, memory_order) {
  decltype(p->value) v;
  __atomic_load(&p->value, &v, __ATOMIC_RELAXED);
  return v;
}
template <class P, class V> EMU_AT_CALLER void atomic_store_explicit(P* p, V x, memory_order) {
  decltype(p->value) v = x;
  __atomic_store(&p->value, &v, __ATOMIC_RELAXED);
}
template <class P, class V> EMU_AT_CALLER auto atomic_exchange_explicit(P* p, V x, memory_order) {
  decltype(p->value) v = x, old;
  __atomic_exchange(&p->value, &v, &old, __ATOMIC_RELAXED);
  return old;
}
template <class P, class T>
EMU_AT_CALLER bool atomic_compare_exchange_weak_explicit(P* p, thread T* expected, T x, memory_order,
                                                  memory_order) {
  return __atomic_compare_exchange(&p->value, expected, &x, false, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED);
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
