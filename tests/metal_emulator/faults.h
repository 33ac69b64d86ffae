// A wild pointer of a kernel is a finding, not the end of the process: while a launch runs, the
// signals of bad accesses give the launch up. They are what catches a thread's own memory, which
// is not instrumented, and a stack that runs over its guard page.
#pragma once

#include "runtime.h"

namespace emu {

// Linux's structures, on x86-64 and arm64.
struct SignalAction {
  void (*handler)(int);
  u64 mask[16];
  int flags;
  void (*restorer)();
};
struct SignalStack {
  void* base;
  int flags;
  u64 size;
};
extern "C" int sigaction(int signal, const SignalAction* action, SignalAction* old);
extern "C" int sigaltstack(const SignalStack* stack, SignalStack* old);

class Faults {
 public:
  Faults() {
    // NODEFER: the handler is left by a switch to another stack and never returns.
    const SignalAction action = {handle, {}, ON_STACK | NO_DEFER, nullptr};
    const SignalStack mine = {stack, 0, sizeof stack};
    sigaltstack(&mine, &old_stack);
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &action, &old[i]);
  }
  ~Faults() {
    for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &old[i], nullptr);
    sigaltstack(&old_stack, nullptr);
  }

 private:
  enum : int { BUS = 7, FLOATING = 8, SEGMENT = 11, COUNT = 3 };
  enum : int { ON_STACK = 0x08000000, NO_DEFER = 0x40000000 };
  static constexpr int SIGNALS[COUNT] = {BUS, FLOATING, SEGMENT};
  alignas(16) static inline char stack[64 * 1024];
  SignalAction old[COUNT];
  SignalStack old_stack;

  static void handle(int signal) {
    if (!current) __builtin_trap();  // a fault of the emulator itself
    fail(signal == FLOATING ? "integer division by zero or overflow"
                            : "memory fault: a wild pointer, or a thread's stack is full",
         -1);
    abort_launch();
  }
};

}  // namespace emu
