// What happens at every access of an instrumented kernel: is it inside its object, aligned, of defined
// bytes, and ordered with the accesses of other threads? instrument.py writes the calls.
//
// Order: two accesses of one cell by different threads, at least one a write, must be separated by a
// barrier that names the memory: a threadgroup_barrier (another `epoch`), or, inside a simdgroup, a
// simdgroup_barrier (another `simd_epoch`). Nothing orders the accesses of different threadgroups.
#include "counters.h"

namespace emu {

static Counter counter;

enum Kind : u32 { READ, WRITE, ATOMIC_READ, ATOMIC_WRITE, ATOMIC_UPDATE };

constexpr bool reads(Kind k) { return k == READ || k == ATOMIC_READ || k == ATOMIC_UPDATE; }
constexpr bool writes(Kind k) { return k != READ && k != ATOMIC_READ; }
constexpr bool atomic(Kind k) { return k >= ATOMIC_READ; }

constexpr u16 ATOMIC = 0xffff;    // in place of a thread: written by an atomic operation
constexpr u32 MANY = 0xffffffff;  // in place of a group: read by several

// ---- Races and undefined bytes, the same for threadgroup memory and for outputs ----

// Where and when a thread is.
struct Moment {
  u32 group, epoch;
  u16 thread, simd_epoch;
  u32 simdgroup;
};

// The last write of a cell; group 0: none.
struct Write {
  u32 group, epoch;
  u16 thread, simd_epoch;
};

// The reads of a cell as far as they matter: of the current epoch, and while all come from one
// simdgroup, of its current simd_epoch. Two readers suffice to know whether some reader is not the
// thread at hand.
struct Reads {
  u32 group, epoch;
  u32 simdgroups;  // one bit each
  u16 first, second, simd_epoch;
};

static bool unordered(const Write& w, const Moment& now) {
  if (w.group != now.group) return true;
  if (w.epoch != now.epoch || w.thread == now.thread) return false;
  return w.thread / SIMD_WIDTH != now.simdgroup || w.simd_epoch == now.simd_epoch;
}

static bool unordered(const Reads& r, const Moment& now) {
  if (r.group != now.group) return true;
  if (r.epoch != now.epoch) return false;
  if (r.simdgroups != 1u << now.simdgroup) return true;
  return r.simd_epoch == now.simd_epoch && (r.first != now.thread || r.second != now.thread);
}

static void note_read(Reads& r, const Moment& now) {
  if (r.group && r.group != now.group) {
    r.group = MANY;
    return;
  }
  u32 mine = 1u << now.simdgroup;
  if (!r.group || r.epoch != now.epoch || (r.simdgroups == mine && r.simd_epoch != now.simd_epoch))
    r = {now.group, now.epoch, 0, now.thread, now.thread, now.simd_epoch};
  r.simdgroups |= mine;
  if (r.first != now.thread) r.second = now.thread;
}

// What the findings about one kind of memory are called.
struct Names {
  const char *undefined, *read_after_write, *write_after_write, *write_after_read;
};
static const Names THREADGROUP = {
    "uninitialised threadgroup read",
    "threadgroup race: read after another thread's write",
    "threadgroup race: write after another thread's write",
    "threadgroup race: write after another thread's read",
};
static const Names DEVICE = {
    "read of an unwritten output",
    "device race: read after another thread's write",
    "device race: write after another thread's write",
    "device race: write after another thread's read",
};
static const Names DEVICE_GROUPS = {
    nullptr,
    "device race: read after another threadgroup's write",
    "device race: write after another threadgroup's write",
    "device race: write after another threadgroup's read",
};

// The cells of one object.
struct Cells {
  Write* written;  // the slot of cell i is i * stride
  Reads* read;
  u32 shift;       // log2 of the bytes of a cell
  u32 stride;
  bool defined;    // from the start
  bool shared;     // by threadgroups; if not, what earlier ones left behind counts as nothing
  const char* name;
};

struct Access {
  Kind kind;
  u64 offset, size;
  u32 site;
};

static void report(const char* kind, const Cells& cells, const Access& a, int other = -1) {
  fail(kind, (int)a.site, cells.name, (long long)a.offset, (u32)a.size, other);
}

static void check_cell(const Cells& cells, Write& w, Reads& r, const Access& a, const Moment& now) {
  if (!cells.shared) {
    if (w.group != now.group) w.group = 0;
    if (r.group != now.group) r.group = 0;
  }
  const Names& names = cells.shared ? DEVICE : THREADGROUP;
  if (!w.group && reads(a.kind) && !cells.defined) report(names.undefined, cells, a);
  bool both_atomic = atomic(a.kind) && w.thread == ATOMIC;
  if (w.group && !both_atomic && unordered(w, now)) {
    bool here = w.group == now.group;
    const Names& of = here ? names : DEVICE_GROUPS;
    int writer = here && w.thread != ATOMIC ? w.thread : -1;
    report(reads(a.kind) ? of.read_after_write : of.write_after_write, cells, a, writer);
  }
  if (a.kind == READ) note_read(r, now);
  if (!writes(a.kind)) return;
  if (r.group && unordered(r, now)) {
    bool here = r.group == now.group;
    int reader = !here ? -1 : r.first != now.thread ? r.first : r.second;
    report((here ? names : DEVICE_GROUPS).write_after_read, cells, a, reader);
  }
  w = {now.group, now.epoch, atomic(a.kind) ? ATOMIC : now.thread, now.simd_epoch};
}

static void check_cells(const Cells& cells, const Access& a, const Moment& now) {
  if (!a.size) return;
  for (u64 i = a.offset >> cells.shift; i <= (a.offset + a.size - 1) >> cells.shift; ++i)
    check_cell(cells, cells.written[i * cells.stride], cells.read[i * cells.stride], a, now);
}

static Moment moment(u32 serial, u32 epoch, const u32* simd_epochs) {
  u32 simdgroup = current->simdgroup;
  return {serial, epoch, (u16)current->index, (u16)simd_epochs[simdgroup], simdgroup};
}

// ---- Device and constant memory ----

static Cells outputs[MAX_BUFFERS];  // `written` is null for inputs, and where nothing is checked

// Written by instrument.py.
struct Constants {
  u64 count;
  struct { const char* base; u64 size; } entries[];
};
static const Constants* constants;

static void check_alignment(const char* p, u32 align, const char* name, const Access& a) {
  if (!((u64)p & (align - 1))) return;
  fail("misaligned access", (int)a.site, name, (long long)a.offset, (u32)a.size);
  if (align >= 16) abort_launch();  // the processor would trap
}

[[noreturn]] static void out_of_bounds(const char* kind, const char* name, long long offset,
                                       const Access& a) {
  fail(kind, (int)a.site, name, offset, (u32)a.size);
  abort_launch();
}

static void device_access(Kind kind, const char* p, u64 size, u32 align, u32 site) {
  Access a = {kind, 0, size, site};
  u64 slot = (u64)(p - reservation) / SLOT_BYTES;
  if (p < reservation || slot >= launch->buffer_count)
    out_of_bounds("device access outside every buffer", nullptr, 0, a);
  const Buffer& b = launch->buffers[slot];
  long long offset = p - b.base;
  if (offset < 0 || size > b.size || (u64)offset > b.size - size)
    out_of_bounds(writes(kind) ? "device write out of bounds" : "device read out of bounds", b.name,
                  offset, a);
  a.offset = (u64)offset;
  check_alignment(p, align, b.name, a);
  if (reads(kind)) counter.access((u32)slot, LOAD, a.offset, size, site);
  if (writes(kind)) {
    if (!b.output) fail("write to an input", (int)site, b.name, offset, (u32)size);
    counter.access((u32)slot, STORE, a.offset, size, site);
  }
  const Cells& cells = outputs[slot];
  if (cells.written)
    check_cells(cells, a, moment(group.serial, group.device_epoch, group.simd_device_epoch));
}

static void constant_access(const char* p, u64 size, u32 align, u32 site) {
  if (p >= reservation && (u64)(p - reservation) / SLOT_BYTES < launch->buffer_count)
    return device_access(READ, p, size, align, site);
  Access a = {READ, 0, size, site};
  ++emu_counters.constant_loads;
  for (u64 i = 0; i < constants->count; ++i) {
    const auto& c = constants->entries[i];
    if (p >= c.base && p + size <= c.base + c.size) return check_alignment(p, align, nullptr, a);
  }
  out_of_bounds("constant read out of bounds", nullptr, 0, a);
}

static void constant_write(const char* p, u64 size, u32 align, u32 site) {
  if (p >= reservation && (u64)(p - reservation) / SLOT_BYTES < launch->buffer_count)
    return device_access(WRITE, p, size, align, site);
  out_of_bounds("write to a constant", nullptr, 0, {WRITE, 0, size, site});
}

static void free_outputs() {
  for (Cells& cells : outputs) {
    free(cells.written);
    free(cells.read);
    cells = {};
  }
}

static void begin_outputs() {
  free_outputs();
  // Nothing is known of the groups that do not run, and there is no room for so many cells.
  if (!launch->checked || launch->last_groups) return;
  for (u32 i = 0; i < launch->buffer_count; ++i) {
    const Buffer& b = launch->buffers[i];
    if (!b.output) continue;
    u64 n = b.size / b.element + 1;
    u32 shift = (u32)__builtin_ctz(b.element);
    outputs[i] = {(Write*)calloc(n, sizeof(Write)), (Reads*)calloc(n, sizeof(Reads)), shift, 1,
                  b.initialised != 0, true, b.name};
  }
}

// Every element of an output that is not initialised must have been written by someone.
static void check_outputs_complete() {
  for (u32 i = 0; i < launch->buffer_count; ++i) {
    const Buffer& b = launch->buffers[i];
    if (!outputs[i].written || b.initialised) continue;
    u64 missing = 0, first = 0;
    for (u64 e = b.size / b.element; e-- > 0;)
      if (!outputs[i].written[e].group) {
        ++missing;
        first = e;
      }
    if (!missing) continue;
    u32 before = launch->failure_count;
    fail("output element never written", -1, b.name, (long long)(first * b.element), b.element);
    if (launch->failure_count > before) launch->failures[before].count = missing;
  }
}

// ---- Threadgroup memory ----

// Cells start as 4 bytes and become smaller where an access needs it, so that neighbouring halves
// or bytes of different threads are no race. The shadow has a slot for every byte.
static Write tg_written[TG_ARENA];
static Reads tg_read[TG_ARENA];
static u32 tg_shift[MAX_ARRAYS];
static u32 tg_serial;  // of the threadgroup; never repeats, so that nothing has to be cleared

static void refine(u32 index, u32 shift) {
  const Array& array = group.arrays[index];
  u64 start = (u64)(array.base - tg_arena), whole = 1ull << tg_shift[index], part = 1ull << shift;
  for (u64 i = 0; i < array.size; i += part) {
    tg_written[start + i] = tg_written[start + (i & ~(whole - 1))];
    tg_read[start + i] = tg_read[start + (i & ~(whole - 1))];
  }
  tg_shift[index] = shift;
}

static u32 find_array(const char* p, u64 size) {
  for (u32 i = 0; i < group.array_count; ++i) {
    const Array& array = group.arrays[i];
    if (p >= array.base && p + size <= array.base + array.size) return i;
  }
  return MAX_ARRAYS;
}

// Which array an address outside all of them was meant for: the one that is nearest.
static const Array* nearest_array(const char* p) {
  const Array* best = nullptr;
  u64 least = ~0ull;
  for (u32 i = 0; i < group.array_count; ++i) {
    const Array& array = group.arrays[i];
    const char* end = array.base + array.size;
    u64 distance = p < array.base ? (u64)(array.base - p) : p >= end ? (u64)(p - end) : 0;
    if (distance >= least) continue;
    least = distance;
    best = &array;
  }
  return best;
}

static void threadgroup_access(Kind kind, const char* p, u64 size, u32 align, u32 site) {
  Access a = {kind, 0, size, site};
  u32 index = find_array(p, size);
  if (index == MAX_ARRAYS) {
    const Array* array = nearest_array(p);
    out_of_bounds(writes(kind) ? "threadgroup write out of bounds" : "threadgroup read out of bounds",
                  array ? array->name : nullptr, array ? p - array->base : 0, a);
  }
  const Array& array = group.arrays[index];
  a.offset = (u64)(p - array.base);
  check_alignment(p, align, array.name, a);
  if (reads(kind)) emu_counters.threadgroup_accesses[LOAD]++, emu_counters.threadgroup_bytes[LOAD] += size;
  if (writes(kind)) emu_counters.threadgroup_accesses[STORE]++, emu_counters.threadgroup_bytes[STORE] += size;
  if (!launch->checked) return;
  u32 shift = (u32)__builtin_ctzll(a.offset | size | 4);
  if (shift < tg_shift[index]) refine(index, shift);
  u64 start = (u64)(array.base - tg_arena);
  shift = tg_shift[index];
  Cells cells = {tg_written + start, tg_read + start, shift, 1u << shift, false, false, array.name};
  check_cells(cells, a, moment(tg_serial, group.tg_epoch, group.simd_epoch));
}

// ---- What else may go wrong ----

static u64 iterations;  // of loops, in this threadgroup

// In the order of UNDEFINED in instrument.py.
static const char* const UNDEFINED[] = {
    "signed integer overflow",
    "signed integer overflow",
    "signed integer overflow",
    "signed integer overflow",
    "integer division by zero or overflow",
    "shift by a negative or too large amount",
    "array index out of bounds",
};

}  // namespace emu

using namespace emu;

extern "C" {

#define HOOK(name, kind)                                                                  \
  void emu_##name##_device(const char* p, u64 size, u32 align, u32 site) {                \
    device_access(kind, p, size, align, site);                                            \
  }                                                                                       \
  void emu_##name##_threadgroup(const char* p, u64 size, u32 align, u32 site) {           \
    threadgroup_access(kind, p, size, align, site);                                       \
  }
HOOK(load, READ)
HOOK(store, WRITE)
HOOK(atomic_load, ATOMIC_READ)
HOOK(atomic_store, ATOMIC_WRITE)
HOOK(atomic_update, ATOMIC_UPDATE)

void emu_load_constant(const char* p, u64 size, u32 align, u32 site) {
  constant_access(p, size, align, site);
}

void emu_store_constant(const char* p, u64 size, u32 align, u32 site) {
  constant_write(p, size, align, site);
}

void emu_loop(u32 site) {
  if (++iterations <= launch->budget || !launch->budget) return;
  fail("an endless loop? the launch has used up its budget", (int)site);
  abort_launch();
}

void emu_undefined(u32 what, u32 site) {
  fail(UNDEFINED[what], (int)site);
  if (what == 4 || what == 6) abort_launch();  // the machine would trap, or memory be overwritten
}

Counters emu_counters;

// `table` is the `emu_constants` of the kernel of the launches to come.
void emu_set_constants(const Constants* table) { constants = table; }

void emu_checks_launch_begin() {
  counter.launch_begin();
  begin_outputs();
}

void emu_checks_group_begin() {
  ++tg_serial;
  iterations = 0;
  counter.group_begin();
}

void emu_checks_array(const Array* array) { tg_shift[array - group.arrays] = 2; }

void emu_checks_launch_end() {
  check_outputs_complete();
  free_outputs();
  counter.launch_end();
}

}  // extern "C"
