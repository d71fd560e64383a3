// libjpeg-turbo decodes 8, 12 and 16 bits by functions of their own. A file of more than 8 does not get this far; what it would
// call refuses it, so that the rest of 12 and 16 bits need not be there.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jmemsys.h"
#include "arena.h"

#define REFUSED(name) \
  void name(j_decompress_ptr picture) { ERREXIT1(picture, JERR_BAD_PRECISION, picture->data_precision); }
#define REFUSED_BUFFERED(name) \
  void name(j_decompress_ptr picture, boolean buffered) { \
    (void)buffered; \
    ERREXIT1(picture, JERR_BAD_PRECISION, picture->data_precision); \
  }
// Only without fancy upsampling.
REFUSED(jinit_merged_upsampler)
REFUSED(j12init_merged_upsampler)
REFUSED(j12init_inverse_dct)
REFUSED(j12init_upsampler)
REFUSED(j12init_color_deconverter)
REFUSED_BUFFERED(j12init_d_main_controller)
REFUSED_BUFFERED(j12init_d_coef_controller)
REFUSED_BUFFERED(j12init_d_post_controller)

// Memory, without files for what it does not hold.

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
