import { TensorferryError } from '@tensorferry/core'

/** An error as the page shows it. */
export interface ShownError {
  /** null: not one of the SDK's. */
  readonly code: string | null
  readonly message: string
}

/** A sentence with a capital letter and a full stop. */
function sentence(text: string): string {
  const trimmed = text.trim()
  const capital =
    /^[a-z]+(_[a-z]+)*[ :]/.test(trimmed) && !/^[a-z]+_/.test(trimmed) ? trimmed[0]!.toUpperCase() : trimmed[0]
  return `${capital ?? ''}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`
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
