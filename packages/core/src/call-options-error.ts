import { describeGiven } from './describe-given.ts'
import { TensorferryError } from './errors.ts'
import { unknownName } from './names.ts'

/** Why a call's options are refused. Loaded when it is needed. */
export function callOptionsError(options: unknown, callback?: string): TensorferryError {
  const known = ['signal', 'timeoutMs', ...(callback ? [callback] : [])]
  const expected = `{ ${known.join(', ')} }`
  const refused = (message: string, details: Record<string, unknown> = {}): TensorferryError =>
    new TensorferryError('OPTIONS_INVALID', message, { details: { ...details } })

  if (typeof options !== 'object' || options === null) {
    return refused(`call options: expected ${expected}, got ${describeGiven(options)}`)
  }
  if ('aborted' in options) return refused(`call options: expected ${expected}, got a signal; pass { signal }`)
  const { signal, timeoutMs, [callback ?? '']: told } = options as Record<string, unknown>
  if (signal && typeof (signal as AbortSignal).addEventListener !== 'function') {
    const advice = 'signal' in (signal as object) ? '; pass controller.signal' : ''
    return refused(`signal: expected an AbortSignal, got ${describeGiven(signal)}${advice}`)
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    return refused(`timeoutMs: expected a positive number of milliseconds, got ${describeGiven(timeoutMs)}`)
  }
  if (told !== undefined && typeof told !== 'function') {
    return refused(`${callback}: expected a function, got ${describeGiven(told)}`)
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key)) ?? ''
  return refused(`call options: ${unknownName('key', unknown, known)}`, { key: unknown, known })
}
