/** One field of a protobuf message: its number, and where its payload lies. */
export interface ProtobufField {
  readonly number: number
  /** Value of a varint field; 0 for the others. */
  readonly value: number
  /** Payload of a length-delimited field, relative to the same origin as the message; empty for the others. */
  readonly start: number
  readonly end: number
}

/** More than any field's header takes: tag and length are varints of at most 10 bytes. */
export const MAX_FIELD_HEADER = 20

/**
 * Reads one field's header.
 *
 * @param bytes - holds the header at `at`
 * @param at - index of the tag in `bytes`
 * @param origin - what `bytes[0]` is in the file, added to the positions returned
 * @returns null where the bytes are no protobuf field
 * @see protobuf.dev, "Encoding"
 */
export function readField(bytes: Uint8Array, at: number, origin: number): ProtobufField | null {
  let position = at
  const varint = (): number => {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = bytes[position++]
      if (byte === undefined) return Number.NaN
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    return Number.NaN
  }
  const tag = varint()
  const number = Math.floor(tag / 8)
  if (!(number > 0)) return null
  const field = (value: number, length: number): ProtobufField | null =>
    Number.isNaN(value + length) ? null : { number, value, start: origin + position, end: origin + position + length }
  switch (tag % 8) {
    case 0:
      return field(varint(), 0)
    case 1:
      return field(0, 8)
    case 2:
      return field(0, varint())
    case 5:
      return field(0, 4)
    default:
      return null
  }
}

/** The fields of a message that lies in memory whole; stops without a word where the bytes are malformed. */
export function* fieldsOf(bytes: Uint8Array): Generator<ProtobufField> {
  for (let at = 0; at < bytes.length; ) {
    const field = readField(bytes, at, 0)
    if (field === null || field.end > bytes.length) return
    yield field
    at = field.end
  }
}
