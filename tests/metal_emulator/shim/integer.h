// <metal_integer>.
#pragma once
#pragma clang system_header

namespace metal {

template <class T> inline T popcount(T x) { return T(__builtin_elementwise_popcount(x)); }
inline int clz(int x) { return x ? __builtin_clz(uint(x)) : 32; }
inline uint clz(uint x) { return x ? __builtin_clz(x) : 32; }
inline int ctz(int x) { return x ? __builtin_ctz(uint(x)) : 32; }
inline uint ctz(uint x) { return x ? __builtin_ctz(x) : 32; }
template <class T> inline T reverse_bits(T x) { return T(__builtin_elementwise_bitreverse(x)); }
inline int mulhi(int x, int y) { return int((long(x) * y) >> 32); }
inline uint mulhi(uint x, uint y) { return uint((ulong(x) * y) >> 32); }
inline ulong mulhi(ulong x, ulong y) { return ulong(((unsigned __int128)x * y) >> 64); }
template <class T> inline T absdiff(T x, T y) { return x > y ? x - y : y - x; }
inline uint rotate(uint x, uint n) { return (x << (n & 31)) | (x >> ((32 - n) & 31)); }
template <class T> inline T extract_bits(T x, uint offset, uint bits) {
  constexpr uint width = sizeof(T) * 8;
  return bits ? T(T(x << (width - offset - bits)) >> (width - bits)) : T(0);
}

}  // namespace metal
