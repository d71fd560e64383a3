import { TensorferryError } from '@tensorferry/core'

/** An error as the page shows it. */
export interface ShownError {
  /** null: not one of the SDK's. */
  readonly code: string | null
  readonly message: string
}

/** A sentence with a capital letter and a full stop; names such as `bundle.json` stay as they are. */
function sentence(text: string): string {
  // Who asked for the picture is plain to see here.
  const trimmed = text.replace(/^decode_image: /, '').trim()
  // A word, and no address.
  const begun = trimmed.replace(/^[a-z](?=[a-z]*[:,]? )/, (letter) => letter.toUpperCase())
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}

/** Why each provider was refused: the page asks for one alone, so advice on lists is of no use. */
function reasonsOf({ details, message }: TensorferryError): string {
  const { refused } = details
  if (!Array.isArray(refused) || refused.length === 0) return sentence(message)
  return refused.map(({ reason }: { readonly reason: string }) => sentence(reason)).join(' ')
}

/** What a visitor of the page can do, where core's words are for those who write the page. */
function adviceFor({ code, details, message }: TensorferryError): string | null {
  const { paths } = details
  if (code === 'NOT_FOUND' && Array.isArray(paths)) {
    const more = paths.length > 4 ? ` and ${paths.length - 4} more` : ''
    const has = paths.length === 0 ? 'nothing' : `${paths.slice(0, 4).join(', ')}${more}`
    return `Expected a folder with bundle.json, as export_bundle writes it, or with one .onnx file; this one has ${has}.`
  }
  if (code === 'DOWNLOAD_FAILED' && message.includes('the server could not be reached')) {
    const site = `Expected an answer from ${details.url}, got none that this page may read.`
    return `${site} Is this device online, is the address right, and does that site send Access-Control-Allow-Origin?`
  }
  return null
}

/** What to say of anything that was thrown. */
export function describeError(thrown: unknown): ShownError {
  if (TensorferryError.is(thrown)) return { code: thrown.code, message: adviceFor(thrown) ?? reasonsOf(thrown) }
  return { code: null, message: sentence(thrown instanceof Error ? thrown.message : String(thrown)) }
}
