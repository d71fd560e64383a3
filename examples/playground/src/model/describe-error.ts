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

/** What to say of anything that was thrown. */
export function describeError(thrown: unknown): ShownError {
  if (TensorferryError.is(thrown)) return { code: thrown.code, message: reasonsOf(thrown) }
  return { code: null, message: sentence(thrown instanceof Error ? thrown.message : String(thrown)) }
}
