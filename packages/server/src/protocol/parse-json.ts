import { isUtf8 } from 'node:buffer'
import { TensorferryError } from '@tensorferry/core'

function refuse(message: string, cause?: unknown): never {
  throw new TensorferryError('INPUT_INVALID', message, { cause })
}

/** Bytes of a body as text. @throws TensorferryError `INPUT_INVALID` for bytes that are no UTF-8 */
export function bodyText(bytes: Uint8Array): string {
  if (!isUtf8(bytes))
    refuse('the body is not UTF-8; tensors in binary form need the header Inference-Header-Content-Length')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/**
 * Parses a JSON body.
 *
 * @throws TensorferryError `INPUT_INVALID` for what is no JSON, also for the tokens NaN and Infinity, which Python writes
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const hasTokens = /[[,:\s-](?:NaN|Infinity)\b/.test(text)
    refuse(
      hasTokens
        ? 'the body is not JSON: NaN and Infinity are no JSON numbers; send the strings "NaN", "Infinity", "-Infinity", or the tensor in binary form'
        : `the body is not JSON: ${(cause as Error).message}`,
      cause,
    )
  }
}

/** Parses a JSON body that must be an object. @throws TensorferryError `INPUT_INVALID` */
export function parseJsonObject(text: string): Record<string, unknown> {
  const value = parseJson(text)
  if (isObject(value)) return value
  return refuse(
    `expected the body to be a JSON object, got ${Array.isArray(value) ? 'an array' : JSON.stringify(value)?.slice(0, 40)}`,
  )
}

/** An object of JSON: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
