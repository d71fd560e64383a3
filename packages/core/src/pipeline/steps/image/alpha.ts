/**
 * Colours times alpha, in a new array; RGBA pixels in and out.
 *
 * @see Pillow, conversion RGBA to RGBa: `c * a / 255` rounded, with shifts
 */
export function premultiplyAlpha(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(pixels)
  for (let at = 0; at < output.length; at += 4) {
    const alpha = output[at + 3]!
    for (let i = at; i < at + 3; i++) {
      const scaled = output[i]! * alpha + 128
      output[i] = ((scaled >> 8) + scaled) >> 8
    }
  }
  return output
}

/**
 * Undoes {@link premultiplyAlpha} in place, as far as 8 bits can.
 *
 * @see Pillow, conversion RGBa to RGBA: `255 * c / a` truncated, at most 255; unchanged where alpha is 0 or 255
 */
export function unpremultiplyAlpha(pixels: Uint8Array): void {
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = pixels[at + 3]!
    if (alpha === 0 || alpha === 255) continue
    for (let i = at; i < at + 3; i++) pixels[i] = Math.min(255, Math.trunc((255 * pixels[i]!) / alpha))
  }
}
