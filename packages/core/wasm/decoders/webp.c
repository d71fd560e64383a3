// A WebP in memory to RGB in memory, with libwebp's settings as Pillow leaves them.
#include "arena.h"
#include "src/webp/decode.h"

// libwebp says of damaged alpha too that memory was short: `take` knows better, and its word stands.
static void require(VP8StatusCode status) {
  if (status != VP8_STATUS_OK) give_up(DAMAGED);
}

// Address of the pixels, shape [height, width, 3]; NULL when the file is of another size.
__attribute__((export_name("decode"))) uint8_t *
decode(const uint8_t *file, size_t length, uint32_t width, uint32_t height) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) give_up(DAMAGED);
  require(WebPGetFeatures(file, length, &config.input));
  if ((uint32_t)config.input.width != width || (uint32_t)config.input.height != height) return NULL;
  // Alpha is decoded for its damage alone.
  const size_t channels = config.input.has_alpha ? 4 : 3;
  const size_t bytes = channels * width * height;
  uint8_t *pixels = take(bytes);
  if (!pixels) give_up(SHORT_OF_MEMORY);
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)(channels * width);
  config.output.u.RGBA.size = bytes;
  require(WebPDecode(file, length, &config));
  if (channels == 4) {
    const size_t count = (size_t)width * height;
    for (size_t i = 1; i < count; i++) {
      for (size_t channel = 0; channel < 3; channel++) pixels[i * 3 + channel] = pixels[i * 4 + channel];
    }
  }
  return pixels;
}
