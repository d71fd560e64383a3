// The little of C's library that the decoders call. Nothing is imported: no file, no clock, no output.
#include "arena.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE = 65536, STEP = 16 };

extern unsigned char __heap_base;
static uintptr_t next = 0;
static int reason = 0;

_Noreturn void give_up(int why) {
  // What was short before came first.
  if (!reason) reason = why;
  __builtin_trap();
}

// Why the decoder trapped.
__attribute__((export_name("failure"))) int failure(void) { return reason; }

// Frees all. The memory keeps its size, and its bytes.
__attribute__((export_name("reset"))) void reset(void) {
  next = (uintptr_t)&__heap_base;
  reason = 0;
}

static int grow_to(uint64_t end) {
  const uint64_t pages = __builtin_wasm_memory_size(0);
  const uint64_t wanted = (end + PAGE - 1) / PAGE;
  if (wanted <= pages) return 1;
  const uint64_t more = wanted - pages;
  // Some engines copy on each growth: by a megabyte at least, where that is to be had.
  if (more < STEP && __builtin_wasm_memory_grow(0, STEP) != (size_t)-1) return 1;
  return pages + more <= PAGE && __builtin_wasm_memory_grow(0, more) != (size_t)-1;
}

__attribute__((export_name("take"))) void *take(size_t bytes) {
  const uint64_t start = ((uint64_t)next + 15) & ~(uint64_t)15;
  const uint64_t end = start + bytes;
  if (end > UINT32_MAX || !grow_to(end)) {
    reason = SHORT_OF_MEMORY;
    return NULL;
  }
  next = (uintptr_t)end;
  return (void *)(uintptr_t)start;
}

void *malloc(size_t bytes) { return take(bytes); }

void *calloc(size_t count, size_t size) {
  void *start = take(count * size);
  if (start) memset(start, 0, count * size);
  return start;
}

void free(void *start) { (void)start; }

// One instruction each.
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
void *memmove(void *to, const void *from, size_t bytes) { return __builtin_memmove(to, from, bytes); }
void *memset(void *to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }

int memcmp(const void *one, const void *other, size_t bytes) {
  const unsigned char *left = one, *right = other;
  for (size_t i = 0; i < bytes; i++) {
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return 0;
}

int abs(int value) { return value < 0 ? -value : value; }
