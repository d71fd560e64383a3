import { TensorferryError } from '@tensorferry/core'
import { toldValue } from './told-value.ts'

/** Both alphabets, as browsers and Python write them. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/
const DATA_URL = /^data:([^,]{0,200}),/i

function refuse(name: string, message: string): never {
  throw new TensorferryError('INPUT_INVALID', `${name}: ${message}`, { details: { input: name } })
}

/**
 * The bytes of a file that is written in JSON: base64, or a `data:` URL with base64 in it.
 *
 * @param name - of the input, for messages
 * @returns in memory of its own
 * @throws TensorferryError `INPUT_INVALID`
 */
export function bytesFromBase64(text: string, name: string): Uint8Array<ArrayBuffer> {
  const url = DATA_URL.exec(text)
  if (url && !/;\s*base64$/i.test(url[1]!)) {
    refuse(name, `expected a data: URL with base64, such as "data:image/png;base64,…", got ${toldValue(url[0])}`)
  }
  const start = url ? url[0].length : 0
  // Encoders break lines: MIME's after 76 characters.
  const digits = /\s/.test(text) ? text.slice(start).replace(/\s+/g, '') : text.slice(start)
  if (digits === '') refuse(name, 'expected a picture in base64, got an empty text')
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(digits)) {
    refuse(
      name,
      `expected a picture in base64, got an address, ${toldValue(digits)}; this server fetches nothing: send the file itself`,
    )
  }
  if (!BASE64.test(digits) || digits.replace(/=+$/, '').length % 4 === 1) {
    refuse(name, `expected a picture in base64 or a data: URL with it, got ${toldValue(text)}, which is neither`)
  }
  const bytes = Buffer.from(digits, 'base64')
  // Small ones lie in a pool of Node's.
  return bytes.buffer.byteLength === bytes.byteLength ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}
