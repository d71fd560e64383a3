// Pillow's 8-bit resampling with WebAssembly SIMD: the same bits as src/pipeline/steps/image/resample.ts.
// A weight of 22 fractional bits is split into high * 4096 + low, both 16 bits wide, so that one instruction multiplies
// and adds two taps of four values. All sums are modulo 2^32, in whatever order.
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define SPLIT 12
#define SHIFT 22

/// Weights of output positions; an odd number of taps has a zero after it, and so has every position up to `stride`.
typedef struct {
  const int32_t* starts;
  const int32_t* counts;
  const int16_t* low;
  const int16_t* high;
  int32_t stride;
} weights_t;

static inline v128_t bias(void) { return wasm_i32x4_splat(1 << (SHIFT - 1)); }

/// The sum of both halves, rounded and brought back to whole values.
static inline v128_t settle(v128_t low, v128_t high) {
  return wasm_i32x4_shr(wasm_i32x4_add(low, wasm_i32x4_shl(high, SPLIT)), SHIFT);
}

/// The weights of a tap and the next one, four times.
static inline v128_t pair(const int16_t* weights) { return wasm_v128_load32_splat(weights); }

#define DOT(sum, values, weights) sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(values, weights))

/// Four bytes that are one pixel of one to four channels; the others are rubbish.
static inline uint32_t pixel(v128_t low, v128_t high) {
  v128_t narrow = wasm_i16x8_narrow_i32x4(settle(low, high), wasm_i32x4_splat(0));
  return wasm_u32x4_extract_lane(wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
}

#define Z 0x80
// Two neighbouring pixels, channel by channel, as 16-bit values: first, second, first, second, ...
static inline v128_t two_rgb(v128_t bytes) {
  return wasm_i8x16_swizzle(bytes, wasm_i8x16_const(0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z));
}
static inline v128_t next_two_rgb(v128_t bytes) {
  return wasm_i8x16_swizzle(bytes, wasm_i8x16_const(6, Z, 9, Z, 7, Z, 10, Z, 8, Z, 11, Z, Z, Z, Z, Z));
}
static inline v128_t two_rgba(v128_t bytes) {
  return wasm_i8x16_swizzle(bytes, wasm_i8x16_const(0, Z, 4, Z, 1, Z, 5, Z, 2, Z, 6, Z, 3, Z, 7, Z));
}
static inline v128_t next_two_rgba(v128_t bytes) {
  return wasm_i8x16_swizzle(bytes, wasm_i8x16_const(8, Z, 12, Z, 9, Z, 13, Z, 10, Z, 14, Z, 11, Z, 15, Z));
}

/// Along x, `count` rows (1 or 4) of three or four channels with the same weights.
static inline __attribute__((always_inline)) void colour_rows(
    const uint8_t* source, int32_t row_bytes, int32_t count, int32_t channels, int32_t width, const weights_t* weights, uint8_t* output) {
  int32_t output_bytes = width * channels;
  for (int32_t x = 0; x < width; x++) {
    const int16_t* low = weights->low + x * weights->stride;
    const int16_t* high = weights->high + x * weights->stride;
    const uint8_t* from = source + weights->starts[x] * channels;
    int32_t taps = weights->counts[x];
    v128_t lows[4], highs[4];
    for (int32_t row = 0; row < count; row++) {
      lows[row] = bias();
      highs[row] = wasm_i32x4_splat(0);
    }
    for (int32_t tap = 0; tap < taps; tap += 4) {
      v128_t low0 = pair(low + tap), low1 = pair(low + tap + 2);
      v128_t high0 = pair(high + tap), high1 = pair(high + tap + 2);
      for (int32_t row = 0; row < count; row++) {
        v128_t bytes = wasm_v128_load(from + row * row_bytes + tap * channels);
        v128_t first = channels == 3 ? two_rgb(bytes) : two_rgba(bytes);
        v128_t second = channels == 3 ? next_two_rgb(bytes) : next_two_rgba(bytes);
        DOT(lows[row], first, low0);
        DOT(highs[row], first, high0);
        DOT(lows[row], second, low1);
        DOT(highs[row], second, high1);
      }
    }
    for (int32_t row = 0; row < count; row++) {
      uint8_t* to = output + row * output_bytes + x * channels;
      uint32_t value = pixel(lows[row], highs[row]);
      // The fourth byte belongs to the next pixel, which comes later, except at the end of a row.
      if (channels == 4 || x + 1 < width) {
        __builtin_memcpy(to, &value, 4);
      } else {
        to[0] = (uint8_t)value;
        to[1] = (uint8_t)(value >> 8);
        to[2] = (uint8_t)(value >> 16);
      }
    }
  }
}

/// Along x, `count` rows (1 or 4) of one channel with the same weights.
static inline __attribute__((always_inline)) void grey_rows(
    const uint8_t* source, int32_t row_bytes, int32_t count, int32_t width, const weights_t* weights, uint8_t* output) {
  for (int32_t x = 0; x < width; x++) {
    const int16_t* low = weights->low + x * weights->stride;
    const int16_t* high = weights->high + x * weights->stride;
    const uint8_t* from = source + weights->starts[x];
    int32_t taps = weights->counts[x];
    v128_t lows[4], highs[4];
    for (int32_t row = 0; row < count; row++) lows[row] = highs[row] = wasm_i32x4_splat(0);
    for (int32_t tap = 0; tap < taps; tap += 8) {
      v128_t low8 = wasm_v128_load(low + tap), high8 = wasm_v128_load(high + tap);
      for (int32_t row = 0; row < count; row++) {
        v128_t values = wasm_u16x8_load8x8(from + row * row_bytes + tap);
        DOT(lows[row], values, low8);
        DOT(highs[row], values, high8);
      }
    }
    for (int32_t row = 0; row < count; row++) {
      v128_t sums = wasm_i32x4_add(lows[row], wasm_i32x4_shl(highs[row], SPLIT));
      sums = wasm_i32x4_add(sums, wasm_i32x4_shuffle(sums, sums, 2, 3, 0, 1));
      uint32_t sum = (uint32_t)wasm_i32x4_extract_lane(sums, 0) + (uint32_t)wasm_i32x4_extract_lane(sums, 1);
      int32_t value = (int32_t)(sum + (1u << (SHIFT - 1))) >> SHIFT;
      output[row * width + x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }
}

/// Convolves rows along x. 16 bytes after the last source row, and after the output, are read or written.
EXPORT("horizontal")
void horizontal(const uint8_t* source, int32_t row_bytes, int32_t rows, int32_t channels, int32_t width, const int32_t* starts,
                const int32_t* counts, const int16_t* low, const int16_t* high, int32_t stride, uint8_t* output) {
  weights_t weights = {starts, counts, low, high, stride};
  for (int32_t row = 0; row < rows;) {
    int32_t count = rows - row >= 4 ? 4 : 1;
    const uint8_t* from = source + row * row_bytes;
    uint8_t* to = output + row * width * channels;
    if (channels == 3) {
      if (count == 4) colour_rows(from, row_bytes, 4, 3, width, &weights, to);
      else colour_rows(from, row_bytes, 1, 3, width, &weights, to);
    } else if (channels == 4) {
      if (count == 4) colour_rows(from, row_bytes, 4, 4, width, &weights, to);
      else colour_rows(from, row_bytes, 1, 4, width, &weights, to);
    } else if (count == 4) {
      grey_rows(from, row_bytes, 4, width, &weights, to);
    } else {
      grey_rows(from, row_bytes, 1, width, &weights, to);
    }
    row += count;
  }
}

/// Convolves along y the output rows `y` to `end`, `row_bytes` bytes a row; `first_row` is the number of the source's first row.
/// 16 bytes after the last source row, and after the output, are read or written.
EXPORT("vertical")
void vertical(const uint8_t* source, int32_t row_bytes, int32_t first_row, int32_t y, int32_t end, const int32_t* starts,
              const int32_t* counts, const int16_t* low, const int16_t* high, int32_t stride, uint8_t* output) {
  v128_t zero = wasm_i32x4_splat(0);
  for (; y < end; y++, output += row_bytes) {
    const uint8_t* from = source + (starts[y] - first_row) * row_bytes;
    const int16_t* low_weights = low + y * stride;
    const int16_t* high_weights = high + y * stride;
    int32_t taps = counts[y];
    for (int32_t x = 0; x < row_bytes; x += 16) {
      v128_t low0 = bias(), low1 = bias(), low2 = bias(), low3 = bias();
      v128_t high0 = zero, high1 = zero, high2 = zero, high3 = zero;
      const uint8_t* at = from + x;
      for (int32_t tap = 0; tap < taps; tap += 2) {
        v128_t first = wasm_v128_load(at);
        // The weight of a row that is not there is zero.
        v128_t second = tap + 1 < taps ? wasm_v128_load(at + row_bytes) : zero;
        at += 2 * row_bytes;
        v128_t left = wasm_i8x16_shuffle(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        v128_t right = wasm_i8x16_shuffle(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        v128_t columns0 = wasm_u16x8_extend_low_u8x16(left), columns1 = wasm_u16x8_extend_high_u8x16(left);
        v128_t columns2 = wasm_u16x8_extend_low_u8x16(right), columns3 = wasm_u16x8_extend_high_u8x16(right);
        v128_t low_pair = pair(low_weights + tap), high_pair = pair(high_weights + tap);
        DOT(low0, columns0, low_pair);
        DOT(low1, columns1, low_pair);
        DOT(low2, columns2, low_pair);
        DOT(low3, columns3, low_pair);
        DOT(high0, columns0, high_pair);
        DOT(high1, columns1, high_pair);
        DOT(high2, columns2, high_pair);
        DOT(high3, columns3, high_pair);
      }
      v128_t narrow0 = wasm_i16x8_narrow_i32x4(settle(low0, high0), settle(low1, high1));
      v128_t narrow1 = wasm_i16x8_narrow_i32x4(settle(low2, high2), settle(low3, high3));
      // What reaches over the end of this row is written again with the next one.
      wasm_v128_store(output + x, wasm_u8x16_narrow_i16x8(narrow0, narrow1));
    }
  }
}
