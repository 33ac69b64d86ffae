// See memory.h and, for the slots of the buffers, runtime.h. Freestanding, as all of the runtime: what
// it needs of libc is declared here.
#include "memory.h"

extern "C" {
void* mmap(void*, unsigned long, int, int, int, long);
int mprotect(void*, unsigned long, int);
int madvise(void*, unsigned long, int);
}

namespace emu {

char* reservation;
char* tg_arena;
void* buffer_pointers[MAX_BUFFERS];

// Of Linux. Pages are of 64 KiB at most.
constexpr int PROT_NO = 0, PROT_READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22, NO_RESERVE = 0x4000;
constexpr int DONT_NEED = 4;
constexpr u64 PAGE = 64 * 1024;

char* reserve(u64 bytes) {
  void* p = mmap(nullptr, bytes, PROT_NO, PRIVATE_ANONYMOUS | NO_RESERVE, -1, 0);
  return p == (void*)-1 ? nullptr : (char*)p;
}

bool open(char* start, u64 bytes) { return mprotect(start, bytes, PROT_READ_WRITE) == 0; }

// Where the arrays of the current group are, by their numbers in the kernel.
static struct Storage {
  u32 serial;  // of the group that the storage was handed out to
  char* base;
} storages[MAX_ARRAYS];
static u64 tg_end, tg_bytes;  // of the arena; of all arrays

// Buffers ------------------------------------------------------------------------------------------

static char* slot(u32 i) { return reservation + i * SLOT_BYTES + BUFFER_OFFSET; }

static u64 pages(const Buffer& b) { return (b.misalign + b.size + PAGE - 1) / PAGE * PAGE; }

bool place_memory() {
  if (!reservation) reservation = reserve(MAX_BUFFERS * SLOT_BYTES);
  if (!tg_arena) {
    tg_arena = reserve(TG_ARENA);
    if (!tg_arena || !open(tg_arena, TG_ARENA)) return false;
  }
  if (!reservation) return false;
  for (Storage& storage : storages) storage = Storage{};
  for (u32 i = 0; i < launch->buffer_count; i++) {
    Buffer& b = launch->buffers[i];
    if (BUFFER_OFFSET + pages(b) > SLOT_BYTES) return false;
    b.base = slot(i) + b.misalign;
    buffer_pointers[i] = b.base;
    if (b.size && !open(slot(i), pages(b))) return false;
    if (b.data) __builtin_memcpy(b.base + b.start, b.data, b.size - b.start);
    else if (b.fill) __builtin_memset(b.base, int(b.fill), b.size);  // new pages are zero
  }
  return true;
}

void take_memory() {
  for (u32 i = 0; i < launch->buffer_count; i++) {
    Buffer& b = launch->buffers[i];
    if (b.result) __builtin_memcpy(b.result, b.base + b.start, b.size - b.start);
    madvise(slot(i), pages(b), DONT_NEED);
    mprotect(slot(i), pages(b), PROT_NO);
  }
}

// Threadgroup arrays -------------------------------------------------------------------------------

// The threadgroup array `number` of the kernel; the first thread of a group to ask makes it.
extern "C" void* emu_tg_alloc(u64 size, u64 align, const char* name, u32 number, u32 line) {
  if (number >= MAX_ARRAYS) {
    fail("more threadgroup arrays than the emulator can hold", -1, name, 0, 0, -1, line, 0);
    abort_launch();
  }
  Storage& storage = storages[number];
  if (storage.serial == group.serial) return storage.base;
  if (group.array_count == 0) tg_end = TG_RED_ZONE, tg_bytes = 0;
  tg_end = (tg_end + align - 1) / align * align;
  tg_bytes += size;
  if (tg_bytes > TG_LIMIT) {
    fail("more than 32 KiB of threadgroup memory", -1, name, 0, u32(size), -1, line, 0);
    abort_launch();
  }
  if (tg_bytes > launch->threadgroup_bytes) launch->threadgroup_bytes = u32(tg_bytes);
  storage = Storage{group.serial, tg_arena + tg_end};
  tg_end += size + TG_RED_ZONE;
  Array& array = group.arrays[group.array_count++];
  array = Array{storage.base, size, name, line};
  emu_checks_array(&array);
  return storage.base;
}

}  // namespace emu
