let table: Uint32Array | null = null

/** What each byte does to the register. */
function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let register = byte
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1
    return register
  })
}

/**
 * CRC-32 as PNG has it.
 *
 * @returns uint32
 * @see PNG 3rd edition, annex D
 */
export function crc32(bytes: Uint8Array): number {
  table ??= makeTable()
  let register = 0xffffffff
  for (let at = 0; at < bytes.length; at++) register = table[(register ^ bytes[at]!) & 255]! ^ (register >>> 8)
  return ~register >>> 0
}
