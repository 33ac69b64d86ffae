// Functions that compiled kernels call and that no library provides: conversions of clang's runtime
// library, which is not linked.
#include "runtime.h"

extern "C" {

// float -> bfloat, to nearest, ties to even.
__bf16 __truncsfbf2(float x) {
  unsigned bits = __builtin_bit_cast(unsigned, x);
  if ((bits & 0x7fffffff) > 0x7f800000) bits |= 0x400000;  // a NaN stays one
  else bits += 0x7fff + (bits >> 16 & 1);
  return __builtin_bit_cast(__bf16, (unsigned short)(bits >> 16));
}

}
