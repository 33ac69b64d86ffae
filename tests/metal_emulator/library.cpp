// Functions that compiled kernels call and that no library provides: conversions of clang's runtime
// library, which is not linked, and the handlers of the undefined behaviour sanitizer.
#include "runtime.h"

extern "C" {

// float -> bfloat, to nearest, ties to even.
__bf16 __truncsfbf2(float x) {
  unsigned bits = __builtin_bit_cast(unsigned, x);
  if ((bits & 0x7fffffff) > 0x7f800000) bits |= 0x400000;  // a NaN stays one
  else bits += 0x7fff + (bits >> 16 & 1);
  return __builtin_bit_cast(__bf16, (unsigned short)(bits >> 16));
}

#define EMU_UNDEFINED(name, kind) \
  void __ubsan_handle_##name##_minimal() { emu::fail(kind, -1); }
EMU_UNDEFINED(add_overflow, "signed integer overflow")
EMU_UNDEFINED(sub_overflow, "signed integer overflow")
EMU_UNDEFINED(mul_overflow, "signed integer overflow")
EMU_UNDEFINED(negate_overflow, "signed integer overflow")
EMU_UNDEFINED(shift_out_of_bounds, "shift by a negative or too large amount")
EMU_UNDEFINED(divrem_overflow, "integer division by zero or overflow")

// Going on would damage the stack.
void __ubsan_handle_out_of_bounds_minimal() {
  emu::fail("index outside a thread's own array", -1);
  emu::abort_launch();
}

}
