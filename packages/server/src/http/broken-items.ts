import { ERRORS, TensorferryError } from '@tensorferry/core'
import { HttpRefusal } from './http-refusal.ts'

/** One of several files or instances. */
interface Settled {
  /** Such as `instances[2]`; empty: it is the only one. */
  readonly label: string
  readonly error: unknown
}

/** Of a long list the message names so many; `broken` has them all. */
const MOST_TOLD = 10

/** The client's fault, and this one part's. */
function isPartsFault(error: unknown): error is TensorferryError {
  return TensorferryError.is(error) && [400, 415].includes(ERRORS[error.code].status)
}

/**
 * The error of a request of several files or instances, of which some failed: none is answered, and all that are broken are
 * named, in the message and as `broken`. What is no fault of the parts', such as a full queue, is thrown as it is.
 *
 * @param what - `files` or `instances`
 */
export function refusalOfBroken(failed: readonly Settled[], total: number, what: string): unknown {
  const other = failed.find(({ error }) => !isPartsFault(error))
  if (other) return other.error
  const broken = failed as readonly (Settled & { error: TensorferryError })[]
  const [first] = broken
  if (total === 1 && first!.label === '') return first!.error
  const told = broken.slice(0, MOST_TOLD).map(({ label, error }) => `${label}: ${error.message}`)
  const rest = broken.length > MOST_TOLD ? `; and ${broken.length - MOST_TOLD} more` : ''
  const { code } = first!.error
  const list = broken.map(({ label, error }) => ({ part: label, error: error.message }))
  return new HttpRefusal(
    ERRORS[code].status,
    code,
    `${broken.length} of ${total} ${what} cannot be used, so none was answered: ${told.join('; ')}${rest}`,
    {},
    { broken: list },
  )
}
