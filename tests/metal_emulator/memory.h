// The memory of a launch: its buffers and its threadgroup arrays. memory.cpp.
#pragma once

#include "runtime.h"

namespace emu {

extern void* buffer_pointers[MAX_BUFFERS];

// Address space without access; `open` gives access to whole pages of it.
char* reserve(u64 bytes);
bool open(char* start, u64 bytes);

// Put the launch's buffers in their slots and forget all threadgroup arrays; false: the system has no
// memory. Afterwards take the buffers out again.
bool place_memory();
void take_memory();

}  // namespace emu
