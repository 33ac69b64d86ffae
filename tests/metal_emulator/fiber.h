// Switching between stacks: what a function must keep for its caller is pushed, the stack pointer
// exchanged. `fiber_start(top)` gives the stack pointer of a fiber that begins in emu_fiber_body.
#pragma once

#include "runtime.h"

namespace emu {

extern "C" void emu_fiber_body();
extern "C" void emu_fiber_switch(void** save, void* load);
inline void fiber_switch(void** save, void* load) { emu_fiber_switch(save, load); }

#if defined(__x86_64__)

asm(R"(
.text
.globl emu_fiber_switch
.hidden emu_fiber_switch
.type emu_fiber_switch, @function
emu_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

inline void* fiber_start(void* top) {
  void** p = (void**)top;
  *--p = nullptr;                 // where emu_fiber_body would return to; keeps the alignment
  *--p = (void*)emu_fiber_body;   // where the first switch returns to
  for (int i = 0; i < 6; i++) *--p = nullptr;
  return p;
}

#elif defined(__aarch64__)

asm(R"(
.text
.globl emu_fiber_switch
.hidden emu_fiber_switch
.type emu_fiber_switch, @function
emu_fiber_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");

inline void* fiber_start(void* top) {
  void** p = (void**)top - 20;
  for (int i = 0; i < 20; i++) p[i] = nullptr;
  p[11] = (void*)emu_fiber_body;  // x30, where the first switch returns to
  return p;
}

#else
#error "the emulator switches stacks on x86-64 and arm64 only"
#endif

}  // namespace emu
