// What the parts of the runtime share: executor.cpp (fibers, scheduler, threadgroup storage, buffers),
// checks.cpp (what happens at every access) and the compiled kernel. No system header is included;
// run.py mirrors `Buffer`, `Failure` and `Launch` with ctypes, so keep their layouts in step.
//
// A launch runs one threadgroup after the other, on one OS thread: plain globals are enough. Each
// Metal thread is a fiber; it runs until a barrier, a simdgroup operation or its end.
#pragma once

namespace emu {

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum : u32 {
  SIMD_WIDTH = 32,
  MAX_THREADS = 1024,
  MAX_SIMDGROUPS = MAX_THREADS / SIMD_WIDTH,
  MAX_BUFFERS = 64,
  MAX_ARRAYS = 64,
  MAX_FAILURES = 64,
  TG_LIMIT = 32 * 1024,    // bytes of threadgroup memory of one threadgroup
  TG_RED_ZONE = 64,        // unused bytes before and after every threadgroup array
  TG_ARENA = TG_LIMIT + TG_RED_ZONE * (MAX_ARRAYS + 1) + 64 * 1024,
};

// Device memory: one 16 GiB slot of a PROT_NONE reservation per buffer, its data BUFFER_OFFSET into
// the slot (plus the misalignment asked for). So slot = (address - emu::reservation) >> 32 finds the
// buffer that a pointer was derived from, even when it strays 4 GiB below or 12 GiB above it.
constexpr u64 SLOT_BYTES = 1ull << 34;
constexpr u64 BUFFER_OFFSET = 1ull << 32;

// Metal's flags of a barrier.
enum : u32 { MEM_NONE = 0, MEM_DEVICE = 1, MEM_THREADGROUP = 2, MEM_TEXTURE = 4 };

// Coordinates of one thread, named as Metal's attributes. Aligned: the kernel may load them whole.
struct alignas(16) Tid {
  u32 thread_position_in_grid[4];
  u32 thread_position_in_threadgroup[4];
  u32 threadgroup_position_in_grid[4];
  u32 threads_per_grid[4];
  u32 threads_per_threadgroup[4];           // of this threadgroup: smaller at the grid's edges
  u32 dispatch_threads_per_threadgroup[4];  // as asked for
  u32 threadgroups_per_grid[4];
  u32 thread_index_in_threadgroup;
  u32 thread_index_in_simdgroup;
  u32 simdgroup_index_in_threadgroup;
  u32 simdgroups_per_threadgroup;
  u32 dispatch_simdgroups_per_threadgroup;
  u32 threads_per_simdgroup;
  u32 thread_index_in_quadgroup;
  u32 quadgroup_index_in_threadgroup;
  u32 quadgroups_per_threadgroup;
  u32 dispatch_quadgroups_per_threadgroup;
  u32 thread_execution_width;
};

struct Thread {
  Tid tid;
  u32 index;      // in its threadgroup
  u32 lane;       // in its simdgroup
  u32 simdgroup;
  u32 state;      // executor only, as all that follows
  u32 op, line, col;
  u32 flags;
  u64 path;       // a hash of the calls that led there
  u32 simd_count, barrier_count;  // operations of each kind that this thread has reached
  void* stack_pointer;
  void* stack;
};

// One buffer argument. Exactly [base, base + size) may be accessed.
struct Buffer {
  char* base;          // set by the executor
  u64 size;            // bytes
  const char* name;
  u32 element;         // bytes of one element
  u32 output;          // 1: an output; 0: an input, whose bytes are defined and never written
  u32 initialised;     // an output whose bytes are defined from the start (init_value)
  u32 constant;        // bound to the constant address space
  const char* data;    // source of an input's (or an initialised output's) bytes
  char* result;        // where an output's bytes go at the end
  u32 misalign;        // bytes added to the base
  u32 fill;            // byte that an output is filled with where `data` is null
  u64 start;           // `data` and `result` are of the bytes from here on; those before are zero
};

// One `threadgroup` variable, registered when the first thread reaches its declaration.
struct Array {
  char* base;
  u64 size;
  const char* name;
  u32 line;
};

// One finding. The same kind at the same place is recorded once and counted.
struct Failure {
  const char* kind;      // a literal, such as "threadgroup race: read after another thread's write"
  const char* object;    // name of the buffer or threadgroup array, or null
  long long offset;      // byte offset in the object (may be negative)
  u32 size;              // bytes of the access
  int site;              // index in the site table of the instrumentation, or -1
  u32 line, col;         // of the kernel text when `site` is -1; 0 if unknown
  int other;             // index in the threadgroup of the other thread involved, or -1
  u32 group[3], thread[3];  // threadgroup_position_in_grid, thread_position_in_threadgroup
  u64 count;
};

// One launch; Python fills the first part, the runtime the second.
struct Launch {
  void (*entry)(void** buffers, const Tid* tid);
  u32 grid[3];         // threads
  u32 group[3];        // threads of a whole threadgroup
  u32 order;           // bit 0: threadgroups descending, 1: simdgroups, 2: lanes of a simdgroup
  u32 buffer_count;
  Buffer* buffers;
  u32 last_groups;     // run only so many threadgroups, the last ones; 0: all
  u32 trace_groups;    // number of threadgroups whose accesses are traced (checks.cpp)
  u32 checked;         // 1: run the checks; 0: count only
  // Turns of the loops of one threadgroup, or meetings of its threads, after which an endless loop
  // is assumed; 0: none.
  u64 budget;

  Failure failures[MAX_FAILURES];
  u32 failure_count;
  u32 aborted;         // the launch was given up after a memory-unsafe failure
  u64 threads, groups, barriers, simd_ops, matrix_macs;
  u32 threadgroup_bytes;  // peak of one threadgroup, without red zones
};

// The threadgroup that runs now.
struct Group {
  u32 position[3];
  u32 serial;          // 1, 2, 3, ...: never repeats within a launch
  u32 threads, simdgroups;
  // Accesses to memory are ordered by these. A barrier adds 1 if its flags name that memory.
  u32 tg_epoch;                     // threadgroup_barrier(mem_threadgroup)
  u32 device_epoch;                 // threadgroup_barrier(mem_device)
  u32 simd_epoch[MAX_SIMDGROUPS];   // simdgroup_barrier(mem_threadgroup), per simdgroup
  u32 simd_device_epoch[MAX_SIMDGROUPS];  // simdgroup_barrier(mem_device)
  u32 array_count;
  Array arrays[MAX_ARRAYS];         // sorted by address: they are handed out upwards
};

// What the lanes of a simdgroup hand to each other in one simdgroup operation. Two per simdgroup are
// used in turn, so that a fast lane cannot overwrite what a slow one still reads.
struct Round {
  alignas(32) char value[SIMD_WIDTH][32];
  alignas(32) char result[32];  // of a reduction, made by the first lane to go on
  u32 done;                     // whether it has been made
  u32 mask;                     // lanes that take part
  float matrix[64];             // product of a matrix multiplication
};

// Defined in executor.cpp.
extern char* reservation;      // start of the slots of the buffers
extern char* tg_arena;         // TG_ARENA bytes: all threadgroup arrays lie here
extern Launch* launch;
extern Group group;
extern Thread threads[MAX_THREADS];
extern Thread* current;        // the thread that runs now

// Record a failure of the current thread at `site` (or at line and column, site -1).
void fail(const char* kind, int site, const char* object = nullptr, long long offset = 0,
          u32 size = 0, int other = -1, u32 line = 0, u32 col = 0);
// Give the launch up: never returns to the kernel. For accesses that must not be carried out.
[[noreturn]] void abort_launch();

}  // namespace emu

// Implemented in checks.cpp and called by the executor. `current` is null in all but the last.
extern "C" {
void emu_checks_launch_begin();  // emu::launch is filled and the buffers are in place
void emu_checks_group_begin();   // emu::group is new: epochs 0, no arrays
void emu_checks_launch_end();    // not called after abort_launch
void emu_checks_array(const emu::Array* array);  // a threadgroup array has been registered
}
// The hooks that instrumented code calls (emu_ld_d, emu_st_t, ...) are checks.cpp's own affair, as
// is what an instrumented module exports besides `extern "C" void emu_entry(void**, const Tid*)`.
