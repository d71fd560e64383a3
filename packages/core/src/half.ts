const scratchFloat = new Float32Array(1)
const scratchBits = new Uint32Array(scratchFloat.buffer)

function float16Bits(value: number): number {
  scratchFloat[0] = value
  const bits = scratchBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 | (mantissa >>> 13) : 0)
  const halfExponent = exponent - 112
  if (halfExponent >= 31) return sign | 0x7c00
  if (halfExponent <= 0) {
    if (halfExponent < -10) return sign
    const full = mantissa | 0x800000
    const shift = 14 - halfExponent
    const kept = full >>> shift
    const rest = full & ((1 << shift) - 1)
    const half = 1 << (shift - 1)
    return sign | (kept + (rest > half || (rest === half && kept & 1) ? 1 : 0))
  }
  const kept = (halfExponent << 10) | (mantissa >>> 13)
  const rest = mantissa & 0x1fff
  // A carry out of the mantissa goes into the exponent, up to infinity: as IEEE rounding does.
  return sign | (kept + (rest > 0x1000 || (rest === 0x1000 && kept & 1) ? 1 : 0))
}

function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * mantissa * 2 ** -24
  return sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/**
 * Rounds to IEEE binary16, ties to even.
 *
 * @param values - float32 numbers
 * @returns raw bits, one Uint16 each
 * @see torch.Tensor.half: same bits
 */
export function float16FromFloat32(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, float16Bits)
}

/**
 * Widens IEEE binary16; exact.
 *
 * @param bits - raw bits of float16 elements
 * @see torch.Tensor.float
 */
export function float32FromFloat16(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, float16Value)
}

/**
 * Rounds to bfloat16, ties to even.
 *
 * @param values - float32 numbers
 * @returns raw bits, one Uint16 each
 * @see torch.Tensor.bfloat16: same bits, NaN becomes 0x7fc0 as in PyTorch
 */
export function bfloat16FromFloat32(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, (value) => {
    if (Number.isNaN(value)) return 0x7fc0
    scratchFloat[0] = value
    const bits = scratchBits[0]!
    return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
  })
}

/**
 * Widens bfloat16; exact.
 *
 * @param bits - raw bits of bfloat16 elements
 * @see torch.Tensor.float
 */
export function float32FromBfloat16(bits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const widened = Uint32Array.from(bits, (value) => value << 16)
  return new Float32Array(widened.buffer)
}
