// A JPEG in memory to RGB in memory, with libjpeg's settings as Pillow leaves them: islow, fancy upsampling, block smoothing.
#include <stdio.h>
#include "arena.h"
#include "jerror.h"
#include "jpeglib.h"

// libjpeg must not come back from an error; a trap is the way out that needs no longjmp.
static void stop(j_common_ptr common) {
  const int code = common->err->msg_code;
  const int memory = code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE || code == JERR_WIDTH_OVERFLOW;
  give_up(memory ? SHORT_OF_MEMORY : DAMAGED);
}

// A warning is damage that libjpeg reads over. Which of it Pillow refuses is not told here.
static void note(j_common_ptr common, int level) {
  (void)common;
  if (level < 0) give_up(DAMAGED);
}

static void keep_quiet(j_common_ptr common) { (void)common; }
static void keep_text(j_common_ptr common, char *text) {
  (void)common;
  text[0] = 0;
}
static void forget(j_common_ptr common) { common->err->msg_code = 0; }

static void begin(j_decompress_ptr picture) { (void)picture; }

static boolean fill(j_decompress_ptr picture) {
  WARNMS(picture, JWRN_JPEG_EOF);
  return FALSE;
}

static void skip(j_decompress_ptr picture, long bytes) {
  if (bytes <= 0) return;
  if ((size_t)bytes > picture->src->bytes_in_buffer) give_up(DAMAGED);
  picture->src->next_input_byte += bytes;
  picture->src->bytes_in_buffer -= (size_t)bytes;
}

// Address of the pixels, shape [height, width, 3]; NULL when the file is of another size.
__attribute__((export_name("decode"))) uint8_t *
decode(const uint8_t *file, size_t length, uint32_t width, uint32_t height) {
  struct jpeg_error_mgr errors = {.error_exit = stop,
                                  .emit_message = note,
                                  .output_message = keep_quiet,
                                  .format_message = keep_text,
                                  .reset_error_mgr = forget};
  struct jpeg_source_mgr source = {.next_input_byte = file,
                                   .bytes_in_buffer = length,
                                   .init_source = begin,
                                   .fill_input_buffer = fill,
                                   .skip_input_data = skip,
                                   .resync_to_restart = jpeg_resync_to_restart,
                                   .term_source = begin};
  struct jpeg_decompress_struct picture = {.err = &errors};
  jpeg_create_decompress(&picture);
  picture.src = &source;
  jpeg_read_header(&picture, TRUE);
  if (picture.image_width != width || picture.image_height != height) return NULL;
  const uint64_t bytes = (uint64_t)width * height * 3;
  uint8_t *pixels = bytes > SIZE_MAX ? NULL : take((size_t)bytes);
  if (!pixels) give_up(SHORT_OF_MEMORY);
  picture.out_color_space = JCS_RGB;
  jpeg_start_decompress(&picture);
  while (picture.output_scanline < height) {
    JSAMPROW rows[8];
    for (uint32_t row = 0; row < 8; row++) rows[row] = pixels + (size_t)(picture.output_scanline + row) * width * 3;
    const uint32_t left = height - picture.output_scanline;
    jpeg_read_scanlines(&picture, rows, left < 8 ? left : 8);
  }
  jpeg_finish_decompress(&picture);
  return pixels;
}
