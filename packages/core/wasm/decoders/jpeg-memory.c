// What libjpeg asks of its system: memory, without files for what that does not hold.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jmemsys.h"
#include "arena.h"

void *jpeg_get_small(j_common_ptr common, size_t bytes) {
  (void)common;
  return take(bytes);
}

void *jpeg_get_large(j_common_ptr common, size_t bytes) { return jpeg_get_small(common, bytes); }

void jpeg_free_small(j_common_ptr common, void *start, size_t bytes) {
  (void)common;
  (void)start;
  (void)bytes;
}

void jpeg_free_large(j_common_ptr common, void *start, size_t bytes) { jpeg_free_small(common, start, bytes); }

size_t jpeg_mem_available(j_common_ptr common, size_t least, size_t most, size_t taken) {
  (void)common;
  (void)least;
  (void)taken;
  return most;
}

void jpeg_open_backing_store(j_common_ptr common, backing_store_ptr store, long bytes) {
  (void)store;
  (void)bytes;
  ERREXIT(common, JERR_NO_BACKING_STORE);
}

long jpeg_mem_init(j_common_ptr common) {
  (void)common;
  return 0;
}

void jpeg_mem_term(j_common_ptr common) { (void)common; }
