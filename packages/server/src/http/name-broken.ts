import { decodeImage, TensorferryError } from '@tensorferry/core'

/**
 * The error of a request with several pictures at once, with the name of each that cannot be decoded.
 *
 * @param raw - by the names of the model's raw inputs
 */
export async function nameBroken(error: unknown, raw: Readonly<Record<string, unknown>>): Promise<unknown> {
  if (!TensorferryError.is(error, 'INPUT_INVALID')) return error
  const broken: string[] = []
  for (const [name, bytes] of Object.entries(raw)) {
    if (!(bytes instanceof Uint8Array)) continue
    await decodeImage(bytes).catch((cause: Error) => broken.push(`${name}: ${cause.message}`))
  }
  if (broken.length === 0) return error
  return new TensorferryError('INPUT_INVALID', broken.join('; '), { cause: error, details: { broken } })
}
