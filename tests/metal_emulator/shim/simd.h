// <metal_compute> and <metal_simdgroup>: barriers and what the 32 lanes of a simdgroup do together.
// An operation hands its value to the runtime, waits until all lanes are there, and reads theirs.
#pragma once
#pragma clang system_header

#define EMU_HERE int line = __builtin_LINE(), int col = __builtin_COLUMN()

namespace metal {
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4 };
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
}  // namespace metal

namespace emu {
// The operations that must be the same on all lanes.
enum Op : u32 {
  OP_BARRIER, OP_SUM, OP_PRODUCT, OP_MIN, OP_MAX, OP_AND, OP_OR, OP_XOR, OP_PREFIX, OP_SHUFFLE,
  OP_VOTE, OP_MATRIX,
};
extern "C" {
__attribute__((convergent)) void emu_threadgroup_barrier(u32 flags, int line, int col);
__attribute__((convergent)) void emu_simdgroup_barrier(u32 flags, int line, int col);
__attribute__((convergent)) Round* emu_simd(u32 op, const void* value, u32 bytes, int line, int col);
__attribute__((convergent)) void emu_matrix_multiply(const float* a, const float* b, const float* c,
                                                     float* d, int line, int col);
void emu_no_lane(u32 lane, int line, int col);
threadgroup void* emu_tg_alloc(u64 size, u64 align, const char* name, u32 number, u32 line);
u32 emu_lane();
}
#define EMU_TG(name, number) \
  *(__typeof__(&name))emu::emu_tg_alloc(sizeof(name), alignof(__typeof__(name)), #name, number, \
                                            __LINE__)

// f over the values of the lanes that are there, in their order.
template <class T, class F> __attribute__((noinline)) T reduce(Op op, T x, F f, int line, int col) {
  Round* r = emu_simd(op, &x, sizeof x, line, col);
  T result;
  if (!r->done) {
    bool first = true;
    for (u32 i = 0; i < SIMD_WIDTH; i++) {
      if (!(r->mask >> i & 1)) continue;
      T v;
      __builtin_memcpy(&v, r->value[i], sizeof v);
      result = first ? v : f(result, v);
      first = false;
    }
    __builtin_memcpy(r->result, &result, sizeof result);
    r->done = 1;
  }
  __builtin_memcpy(&result, r->result, sizeof result);
  return result;
}

// f over the lanes before this one, and over this one too if `inclusive`.
template <class T, class F>
__attribute__((noinline)) T prefix(T x, T start, F f, bool inclusive, int line, int col) {
  Round* r = emu_simd(OP_PREFIX, &x, sizeof x, line, col);
  T result = start;
  for (u32 i = 0; i < emu_lane() + inclusive; i++) {
    if (!(r->mask >> i & 1)) continue;
    T v;
    __builtin_memcpy(&v, r->value[i], sizeof v);
    result = f(result, v);
  }
  return result;
}

// The value of lane `from`, which must be there; lanes outside the simdgroup give `outside`.
template <class T> __attribute__((noinline)) T shuffle(T x, int from, T outside, int line, int col) {
  Round* r = emu_simd(OP_SHUFFLE, &x, sizeof x, line, col);
  if (from < 0 || from >= int(SIMD_WIDTH)) return outside;
  if (!(r->mask >> from & 1)) {
    emu_no_lane(from, line, col);
    return outside;
  }
  T v;
  __builtin_memcpy(&v, r->value[from], sizeof v);
  return v;
}

__attribute__((noinline)) inline u32 vote(bool x, u32& mask, int line, int col) {
  Round* r = emu_simd(OP_VOTE, &x, sizeof x, line, col);
  u32 votes = 0;
  for (u32 i = 0; i < SIMD_WIDTH; i++)
    if ((r->mask >> i & 1) && *(const bool*)r->value[i]) votes |= 1u << i;
  mask = r->mask;
  return votes;
}
}  // namespace emu

namespace metal {

inline void threadgroup_barrier(mem_flags flags, EMU_HERE) {
  emu::emu_threadgroup_barrier(uint(flags), line, col);
}
inline void simdgroup_barrier(mem_flags flags, EMU_HERE) {
  emu::emu_simdgroup_barrier(uint(flags), line, col);
}

#define EMU_REDUCE(name, op, expression) \
  template <class T> inline T simd_##name(T x, EMU_HERE) { \
    return emu::reduce(emu::op, x, [](T a, T b) { return T(expression); }, line, col); \
  }
EMU_REDUCE(sum, OP_SUM, a + b)
EMU_REDUCE(product, OP_PRODUCT, a* b)
EMU_REDUCE(min, OP_MIN, metal::min(a, b))
EMU_REDUCE(max, OP_MAX, metal::max(a, b))
EMU_REDUCE(and, OP_AND, a& b)
EMU_REDUCE(or, OP_OR, a | b)
EMU_REDUCE(xor, OP_XOR, a ^ b)

#define EMU_PREFIX(name, start, expression, inclusive) \
  template <class T> inline T simd_prefix_##name(T x, EMU_HERE) { \
    return emu::prefix(x, T(start), [](T a, T b) { return T(expression); }, inclusive, line, col); \
  }
EMU_PREFIX(inclusive_sum, 0, a + b, true)
EMU_PREFIX(exclusive_sum, 0, a + b, false)
EMU_PREFIX(inclusive_product, 1, a* b, true)
EMU_PREFIX(exclusive_product, 1, a* b, false)

template <class T> inline T simd_shuffle(T x, ushort lane, EMU_HERE) {
  return emu::shuffle(x, lane, x, line, col);
}
template <class T> inline T simd_broadcast(T x, ushort lane, EMU_HERE) {
  return emu::shuffle(x, lane, x, line, col);
}
template <class T> inline T simd_broadcast_first(T x, EMU_HERE) {
  return emu::reduce(emu::OP_SHUFFLE, x, [](T a, T) { return a; }, line, col);
}
template <class T> inline T simd_shuffle_xor(T x, ushort mask, EMU_HERE) {
  return emu::shuffle(x, int(emu::emu_lane() ^ mask), x, line, col);
}
template <class T> inline T simd_shuffle_up(T x, ushort delta, EMU_HERE) {
  return emu::shuffle(x, int(emu::emu_lane()) - delta, x, line, col);
}
template <class T> inline T simd_shuffle_down(T x, ushort delta, EMU_HERE) {
  return emu::shuffle(x, int(emu::emu_lane()) + delta, x, line, col);
}
template <class T> inline T simd_shuffle_rotate_up(T x, ushort delta, EMU_HERE) {
  return emu::shuffle(x, int((emu::emu_lane() - delta) & 31), x, line, col);
}
template <class T> inline T simd_shuffle_rotate_down(T x, ushort delta, EMU_HERE) {
  return emu::shuffle(x, int((emu::emu_lane() + delta) & 31), x, line, col);
}
// `fill` supplies the lanes that are shifted in: its last lanes for up, its first for down.
template <class T> inline T simd_shuffle_and_fill_up(T x, T fill, ushort delta, EMU_HERE) {
  T filler = emu::shuffle(fill, int((emu::emu_lane() - delta) & 31), fill, line, col);
  return emu::shuffle(x, int(emu::emu_lane()) - delta, filler, line, col);
}
template <class T> inline T simd_shuffle_and_fill_down(T x, T fill, ushort delta, EMU_HERE) {
  T filler = emu::shuffle(fill, int((emu::emu_lane() + delta) & 31), fill, line, col);
  return emu::shuffle(x, int(emu::emu_lane()) + delta, filler, line, col);
}

struct simd_vote {
  using vote_t = ulong;
  vote_t votes;
  vote_t active;
  explicit constexpr operator vote_t() const { return votes; }
  bool all() const { return votes == active; }
  bool any() const { return votes != 0; }
};
inline simd_vote simd_ballot(bool x, EMU_HERE) {
  uint mask;
  uint votes = emu::vote(x, mask, line, col);
  return {votes, mask};
}
inline bool simd_all(bool x, EMU_HERE) { return simd_ballot(x, line, col).all(); }
inline bool simd_any(bool x, EMU_HERE) { return simd_ballot(x, line, col).any(); }
inline simd_vote simd_active_threads_mask(EMU_HERE) { return simd_ballot(true, line, col); }
inline bool simd_is_first(EMU_HERE) {
  return __builtin_ctz(uint(simd_ballot(true, line, col).active)) == int(emu::emu_lane());
}

// The four lanes of a quadgroup.
template <class T> inline T quad_shuffle(T x, ushort lane, EMU_HERE) {
  return emu::shuffle(x, int((emu::emu_lane() & ~3u) + lane), x, line, col);
}
template <class T> inline T quad_broadcast(T x, ushort lane, EMU_HERE) {
  return quad_shuffle(x, lane, line, col);
}
template <class T> inline T quad_shuffle_xor(T x, ushort mask, EMU_HERE) {
  return emu::shuffle(x, int(emu::emu_lane() ^ mask), x, line, col);
}
template <class T> inline T quad_sum(T x, EMU_HERE) {
  x = T(x + quad_shuffle_xor(x, 1, line, col));
  return T(x + quad_shuffle_xor(x, 2, line, col));
}
template <class T> inline T quad_max(T x, EMU_HERE) {
  x = max(x, quad_shuffle_xor(x, 1, line, col));
  return max(x, quad_shuffle_xor(x, 2, line, col));
}
template <class T> inline T quad_min(T x, EMU_HERE) {
  x = min(x, quad_shuffle_xor(x, 1, line, col));
  return min(x, quad_shuffle_xor(x, 2, line, col));
}

}  // namespace metal
