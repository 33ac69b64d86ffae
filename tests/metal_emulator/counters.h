// Counting what a launch reads and writes. Part of checks.cpp, which calls `Counter::access` at every
// access; report.py mirrors `Traffic` and `Counters` with ctypes, so keep their layouts in step.
#pragma once

#include "runtime.h"

extern "C" {
void* calloc(emu::u64 count, emu::u64 size);
void* realloc(void* old, emu::u64 size);
void* memset(void* to, int byte, emu::u64 size);
void free(void* memory);
}

namespace emu {

constexpr u32 LINE_SHIFT = 7;  // cache lines of 128 bytes

enum Direction : u32 { LOAD, STORE };

// What one buffer saw in one direction. "Of a group" is summed over the threadgroups: each has an
// ideal cache of its own, which fetches a byte, or a line, once.
struct Traffic {
  u64 accesses, bytes;
  u64 unique_bytes, unique_lines;  // touched at least once in the launch
  u64 group_bytes, group_lines;
  // Of the traced threadgroups: requests (one instruction of one simdgroup) and the lines that
  // they touch, each counted once per request.
  u64 traced_bytes, traced_requests, traced_lines;
};

struct Counters {
  Traffic buffers[MAX_BUFFERS][2];
  u64 threadgroup_accesses[2], threadgroup_bytes[2];
  u64 constant_loads;  // of program-scope constants
};

extern "C" Counters emu_counters;  // of the launch that runs or ran last

// A set of numbers that is emptied for every traced threadgroup.
class Set {
 public:
  // Whether `key`, not 0, is new.
  bool add(u64 key) {
    if (2 * used >= capacity) grow();
    u64 i = place(key);
    if (keys[i] == key) return false;
    keys[i] = key;
    ++used;
    return true;
  }
  void clear() {
    if (keys) memset(keys, 0, capacity * sizeof(u64));
    used = 0;
  }

 private:
  u64* keys = nullptr;
  u64 capacity = 0, used = 0;

  u64 place(u64 key) const {
    u64 i = key & (capacity - 1);
    while (keys[i] && keys[i] != key) i = (i + 1) & (capacity - 1);
    return i;
  }
  void grow() {
    u64* old = keys;
    u64 old_capacity = capacity;
    capacity = capacity ? 2 * capacity : 1 << 14;
    keys = (u64*)calloc(capacity, sizeof(u64));
    for (u64 i = 0; i < old_capacity; ++i)
      if (old[i]) keys[place(old[i])] = old[i];
    free(old);
  }
};

class Counter {
 public:
  void launch_begin() {
    launch_end();
    memset(&emu_counters, 0, sizeof emu_counters);
    if (launch->last_groups) return;
    buffers = launch->buffer_count;
    for (u32 i = 0; i < buffers; ++i) {
      const Buffer& b = launch->buffers[i];
      for (u32 d = LOAD; d <= (b.output ? STORE : LOAD); ++d) {
        last[i][d].element = (u32*)calloc(b.size / b.element + 1, sizeof(u32));
        last[i][d].line = (u32*)calloc(((b.size + b.misalign) >> LINE_SHIFT) + 1, sizeof(u32));
      }
    }
  }

  void group_begin() {
    tracing = group.serial <= launch->trace_groups;
    if (!tracing) return;
    seen.clear();
    if (executions) memset(executions, 0, sites * MAX_THREADS * sizeof(u32));
  }

  void launch_end() {
    for (u32 i = 0; i < buffers; ++i)
      for (Last& l : last[i]) {
        free(l.element);
        free(l.line);
        l = {};
      }
    buffers = 0;
  }

  // `size` bytes at `offset` of a buffer, all inside it.
  void access(u32 buffer, Direction direction, u64 offset, u64 size, u32 site) {
    const Buffer& b = launch->buffers[buffer];
    Traffic& t = emu_counters.buffers[buffer][direction];
    const Last& l = last[buffer][direction];
    t.accesses += 1;
    t.bytes += size;
    if (!size || !l.element) return;
    u32 shift = __builtin_ctz(b.element);
    touch(l.element, offset >> shift, (offset + size - 1) >> shift, b.element, t.unique_bytes,
          t.group_bytes);
    u64 start = offset + b.misalign;
    u64 first_line = start >> LINE_SHIFT, last_line = (start + size - 1) >> LINE_SHIFT;
    touch(l.line, first_line, last_line, 1, t.unique_lines, t.group_lines);
    if (tracing) trace(t, buffer, first_line, last_line, size, site);
  }

 private:
  // Serial number of the threadgroup that touched each element and line last; 0: none has.
  struct Last { u32 *element, *line; };
  Last last[MAX_BUFFERS][2];
  u32 buffers = 0;
  bool tracing = false;
  Set seen;
  u32* executions = nullptr;  // [site][thread]: how often, in this threadgroup
  u64 sites = 0;

  static void touch(u32* last, u64 from, u64 to, u64 weight, u64& unique, u64& of_groups) {
    for (u64 i = from; i <= to; ++i) {
      if (last[i] == group.serial) continue;
      of_groups += weight;
      if (!last[i]) unique += weight;
      last[i] = group.serial;
    }
  }

  // The n-th executions of a site by the lanes of a simdgroup make up one request.
  void trace(Traffic& t, u32 buffer, u64 from, u64 to, u64 size, u32 site) {
    if (site >= sites) {
      u64 more = site + 64;
      executions = (u32*)realloc(executions, more * MAX_THREADS * sizeof(u32));
      memset(executions + sites * MAX_THREADS, 0, (more - sites) * MAX_THREADS * sizeof(u32));
      sites = more;
    }
    u64 n = executions[(u64)site * MAX_THREADS + current->index]++;
    u64 request = mix(mix(site + 1) + current->simdgroup) + n;
    t.traced_bytes += size;
    t.traced_requests += seen.add(mix(request) | 1);
    for (u64 line = from; line <= to; ++line)
      t.traced_lines += seen.add(mix(mix(request) + ((u64)buffer << 40) + line) | 1);
  }

  // A bijection of 64-bit numbers that spreads neighbours (the end of splitmix64).
  static u64 mix(u64 x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
};

}  // namespace emu
