// Runs a compiled kernel under Metal's execution rules: threadgroups one after the other, each
// thread of a threadgroup a fiber, barriers and simdgroup operations as meeting points.
#include "faults.h"
#include "fiber.h"
#include "memory.h"

namespace emu {

enum State : u32 { READY, AT_SIMD, AT_BARRIER, DONE };
enum : u32 { OP_BARRIER = 0, OP_MATRIX = 11 };  // of shim/simd.h
enum : u32 { GROUPS_DOWN = 1, SIMDGROUPS_DOWN = 2, LANES_DOWN = 4 };

Launch* launch;
Group group;
Thread threads[MAX_THREADS];
Thread* current;

static Round rounds[MAX_SIMDGROUPS][2];
static void* main_stack_pointer;
static bool aborting;
static u64 meetings;

constexpr u64 STACK_BYTES = 128 * 1024, GUARD_BYTES = 64 * 1024;

// Failures -----------------------------------------------------------------------------------------

void fail(const char* kind, int site, const char* object, long long offset, u32 size, int other,
          u32 line, u32 col) {
  for (u32 i = 0; i < launch->failure_count; i++) {
    Failure& f = launch->failures[i];
    if (f.kind == kind && f.site == site && f.object == object && f.line == line && f.col == col) {
      f.count++;
      return;
    }
  }
  if (launch->failure_count == MAX_FAILURES) return;
  Failure& f = launch->failures[launch->failure_count++];
  f = Failure{kind, object, offset, size, site, line, col, other, {}, {}, 1};
  for (int i = 0; i < 3; i++) {
    f.group[i] = group.position[i];
    f.thread[i] = current ? current->tid.thread_position_in_threadgroup[i] : 0;
  }
}

void abort_launch() {
  aborting = true;
  if (current) fiber_switch(&current->stack_pointer, main_stack_pointer);
  __builtin_unreachable();
}

// Fibers -------------------------------------------------------------------------------------------

static void to_main(State state) {
  Thread* self = current;
  self->state = state;
  fiber_switch(&self->stack_pointer, main_stack_pointer);
}

// A fiber serves one thread after the other; it is never left but by a switch.
extern "C" void emu_fiber_body() {
  for (;;) {
    launch->entry(buffer_pointers, &current->tid);
    to_main(DONE);
  }
}

static bool make_fibers(u32 count) {
  for (u32 i = 0; i < count; i++) {
    Thread& t = threads[i];
    if (!t.stack) {
      char* p = reserve(GUARD_BYTES + STACK_BYTES + GUARD_BYTES);
      if (!p || !open(p + GUARD_BYTES, STACK_BYTES)) return false;
      t.stack = p + GUARD_BYTES;
    }
    // Staggered: stacks at equal distances would share a few sets of the caches (twice as slow).
    t.stack_pointer = fiber_start((char*)t.stack + STACK_BYTES - i % 61 * 576);
  }
  return true;
}

static void run(Thread& t) {
  current = &t;
  fiber_switch(&main_stack_pointer, t.stack_pointer);
  current = nullptr;
}

// Called by the kernel -----------------------------------------------------------------------------

// The return addresses on the stack of the thread: a barrier in a helper is another one for each
// call of the helper. Not in counting builds, where the optimiser may copy calls.
static u64 call_path() {
  u64 hash = 0;
  if (!launch->checked) return hash;
  for (void** frame = (void**)__builtin_frame_address(0); frame; frame = (void**)frame[0])
    hash = hash * 0x9e3779b97f4a7c15 + (u64)frame[1];
  return hash;
}

static void wait(State state, u32 op, u32 flags, int line, int col) {
  Thread& t = *current;
  t.op = op, t.flags = flags, t.line = u32(line), t.col = u32(col), t.path = call_path();
  to_main(state);
}

static bool same_place(const Thread& a, const Thread& b) {
  return a.line == b.line && a.col == b.col && a.path == b.path;
}

extern "C" void emu_threadgroup_barrier(u32 flags, int line, int col) {
  current->barrier_count++;
  wait(AT_BARRIER, OP_BARRIER, flags, line, col);
}

extern "C" Round* emu_simd(u32 op, const void* value, u32 bytes, int line, int col) {
  Thread& t = *current;
  Round& r = rounds[t.simdgroup][t.simd_count++ & 1];
  __builtin_memcpy(r.value[t.lane], value, bytes);
  wait(AT_SIMD, op, 0, line, col);
  return &r;
}

extern "C" void emu_simdgroup_barrier(u32 flags, int line, int col) {
  current->simd_count++;
  wait(AT_SIMD, OP_BARRIER, flags, line, col);
}

extern "C" u32 emu_lane() { return current->lane; }

extern "C" void emu_no_lane(u32 lane, int line, int col) {
  fail("simdgroup operation reads a lane that is not there", -1, nullptr, lane, 0, -1, u32(line),
       u32(col));
}

static u32 matrix_row(u32 lane) { return (lane / 4 & 4) + lane / 2 % 4; }
static u32 matrix_column(u32 lane) { return (lane / 4 & 2) * 2 + lane % 2 * 2; }

// d = a b + c; each lane brings and gets two elements. The first lane to go on does the work.
extern "C" void emu_matrix_multiply(const float* a, const float* b, const float* c, float* d,
                                    int line, int col) {
  float mine[6] = {a[0], a[1], b[0], b[1], c[0], c[1]};
  Round* r = emu_simd(OP_MATRIX, mine, sizeof mine, line, col);
  if (!r->done) {
    float x[8][8], y[8][8], z[8][8];
    for (u32 lane = 0; lane < SIMD_WIDTH; lane++) {
      const float* v = (const float*)r->value[lane];
      u32 i = matrix_row(lane), j = matrix_column(lane);
      x[i][j] = v[0], x[i][j + 1] = v[1];
      y[i][j] = v[2], y[i][j + 1] = v[3];
      z[i][j] = v[4], z[i][j + 1] = v[5];
    }
    for (u32 i = 0; i < 8; i++)
      for (u32 k = 0; k < 8; k++)
        for (u32 j = 0; j < 8; j++) z[i][j] = __builtin_fmaf(x[i][k], y[k][j], z[i][j]);
    __builtin_memcpy(r->matrix, z, sizeof z);
    r->done = 1;
    launch->matrix_macs += 512;
  }
  u32 at = matrix_row(current->lane) * 8 + matrix_column(current->lane);
  d[0] = r->matrix[at], d[1] = r->matrix[at + 1];
}

// Scheduler ----------------------------------------------------------------------------------------

static bool give_up(Thread& t, const char* kind) {
  current = &t;
  fail(kind, -1, nullptr, 0, 0, -1, t.line, t.col);
  current = nullptr;
  aborting = true;
  return false;
}

// Let the lanes of a simdgroup go on that wait at the same operation, or find that they do not.
static bool complete_simd(u32 simdgroup, Thread* lanes, u32 count) {
  Thread* first = nullptr;
  u32 mask = 0;
  for (u32 i = 0; i < count; i++) {
    Thread& t = lanes[i];
    if (t.state == DONE) continue;
    if (!first) first = &t;
    if (t.state != AT_SIMD || t.op != first->op || !same_place(t, *first) ||
        t.simd_count != first->simd_count) {
      Thread& waiting = t.state == AT_SIMD ? t : *first;
      return give_up(waiting, "simdgroup divergence: not all lanes reach this operation");
    }
    mask |= 1u << i;
  }
  if (first->op == OP_MATRIX && mask != ~0u)
    return give_up(*first, "simdgroup matrix operation without all 32 lanes");
  launch->simd_ops++;
  Round& r = rounds[simdgroup][(first->simd_count - 1) & 1];
  r.mask = mask;
  r.done = 0;
  if (first->op == OP_BARRIER) {
    if (first->flags & MEM_THREADGROUP) group.simd_epoch[simdgroup]++;
    if (first->flags & MEM_DEVICE) group.simd_device_epoch[simdgroup]++;
  }
  for (u32 i = 0; i < count; i++)
    if (lanes[i].state == AT_SIMD) lanes[i].state = READY;
  return true;
}

// Run a simdgroup until all its lanes wait at a barrier or are done.
static bool run_simdgroup(u32 simdgroup) {
  Thread* lanes = threads + simdgroup * SIMD_WIDTH;
  u32 left = group.threads - simdgroup * SIMD_WIDTH;
  u32 count = left < SIMD_WIDTH ? left : u32(SIMD_WIDTH);
  for (;;) {
    bool at_simd = false;
    for (u32 i = 0; i < count; i++) {
      Thread& t = lanes[launch->order & LANES_DOWN ? count - 1 - i : i];
      if (t.state == READY) run(t);
      if (aborting) return false;
      at_simd |= t.state == AT_SIMD;
    }
    if (!at_simd) return true;
    if (!complete_simd(simdgroup, lanes, count)) return false;
    if (launch->budget && ++meetings > launch->budget)
      return give_up(lanes[0], "an endless loop? the launch has used up its budget");
  }
}

// All threads of the group have stopped: at one barrier, or at their end.
static bool complete_barrier(bool& finished) {
  Thread* waiting = nullptr;
  u32 done = 0;
  for (u32 i = 0; i < group.threads; i++) {
    Thread& t = threads[i];
    if (t.state == DONE) {
      done++;
      continue;
    }
    if (!waiting) waiting = &t;
    if (!same_place(t, *waiting) || t.barrier_count != waiting->barrier_count ||
        t.flags != waiting->flags)
      return give_up(t, "barrier divergence: the threads wait at different barriers");
  }
  finished = !waiting;
  if (finished) return true;
  if (done) return give_up(*waiting, "barrier divergence: other threads have returned");
  launch->barriers++;
  if (waiting->flags & MEM_THREADGROUP) group.tg_epoch++;
  if (waiting->flags & MEM_DEVICE) group.device_epoch++;
  for (u32 i = 0; i < group.threads; i++) threads[i].state = READY;
  if (launch->budget && (meetings += group.threads) > launch->budget)
    return give_up(*waiting, "an endless loop? the launch has used up its budget");
  return true;
}

static bool run_group() {
  meetings = 0;
  emu_checks_group_begin();
  for (bool finished = false; !finished;) {
    for (u32 i = 0; i < group.simdgroups; i++)
      if (!run_simdgroup(launch->order & SIMDGROUPS_DOWN ? group.simdgroups - 1 - i : i))
        return false;
    if (!complete_barrier(finished)) return false;
  }
  return true;
}

// Coordinates --------------------------------------------------------------------------------------

static void place_thread(Thread& t, u32 index, const u32* size, const u32* groups) {
  Tid& d = t.tid;
  const u32 at[3] = {index % size[0], index / size[0] % size[1], index / size[0] / size[1]};
  u32 whole = 1;
  for (int i = 0; i < 3; i++) {
    d.thread_position_in_threadgroup[i] = at[i];
    d.threadgroup_position_in_grid[i] = group.position[i];
    d.thread_position_in_grid[i] = group.position[i] * launch->group[i] + at[i];
    d.threads_per_grid[i] = launch->grid[i];
    d.threads_per_threadgroup[i] = size[i];
    d.dispatch_threads_per_threadgroup[i] = launch->group[i];
    d.threadgroups_per_grid[i] = groups[i];
    whole *= launch->group[i];
  }
  t.index = d.thread_index_in_threadgroup = index;
  t.lane = d.thread_index_in_simdgroup = index % SIMD_WIDTH;
  t.simdgroup = d.simdgroup_index_in_threadgroup = index / SIMD_WIDTH;
  d.simdgroups_per_threadgroup = group.simdgroups;
  d.dispatch_simdgroups_per_threadgroup = (whole + SIMD_WIDTH - 1) / SIMD_WIDTH;
  d.threads_per_simdgroup = d.thread_execution_width = SIMD_WIDTH;
  d.thread_index_in_quadgroup = index % 4;
  d.quadgroup_index_in_threadgroup = index / 4;
  d.quadgroups_per_threadgroup = (group.threads + 3) / 4;
  d.dispatch_quadgroups_per_threadgroup = (whole + 3) / 4;
  t.state = READY;
  t.simd_count = t.barrier_count = 0;
}

static bool run_grid() {
  u32 groups[3];
  for (int i = 0; i < 3; i++) groups[i] = (launch->grid[i] + launch->group[i] - 1) / launch->group[i];
  const u64 total = u64(groups[0]) * groups[1] * groups[2];
  const u64 first = launch->last_groups && launch->last_groups < total ? total - launch->last_groups : 0;
  for (u64 n = first; n < total; n++) {
    const u64 at = launch->order & GROUPS_DOWN ? total - 1 - (n - first) : n;
    const u32 position[3] = {u32(at % groups[0]), u32(at / groups[0] % groups[1]),
                             u32(at / groups[0] / groups[1])};
    group = Group{};
    group.serial = u32(n - first + 1);
    u32 size[3];
    for (int i = 0; i < 3; i++) {
      group.position[i] = position[i];
      const u32 left = launch->grid[i] - position[i] * launch->group[i];
      size[i] = left < launch->group[i] ? left : launch->group[i];
    }
    group.threads = size[0] * size[1] * size[2];
    group.simdgroups = (group.threads + SIMD_WIDTH - 1) / SIMD_WIDTH;
    for (u32 i = 0; i < group.threads; i++) place_thread(threads[i], i, size, groups);
    launch->groups++;
    launch->threads += group.threads;
    if (!run_group()) return false;
  }
  return true;
}

// Launch -------------------------------------------------------------------------------------------

// 0: the launch ran (it may have failures); 1: the system gave no memory; 2: too many buffers or
// threads.
extern "C" int emu_run(Launch* request) {
  launch = request;
  const u32 whole = launch->group[0] * launch->group[1] * launch->group[2];
  if (launch->buffer_count > MAX_BUFFERS || whole > MAX_THREADS || whole == 0) return 2;
  if (!make_fibers(whole) || !place_memory()) return 1;
  aborting = false;
  current = nullptr;
  emu_checks_launch_begin();
  Faults faults;
  if (run_grid()) emu_checks_launch_end();
  launch->aborted = aborting;
  take_memory();
  return 0;
}

}  // namespace emu
