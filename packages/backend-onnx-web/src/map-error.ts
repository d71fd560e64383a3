import type { ErrorCode } from '@tensorferry/core'
import { UNNAMED_TYPES, unsupportedType } from '@tensorferry/onnx-shared/element-types'
import { mapRuntimeError, type Stage, withoutSourceLine } from '@tensorferry/onnx-shared/map-error'
import type { Problem } from '@tensorferry/onnx-shared/problem'
import type { RawError } from './messages.ts'

interface Rule {
  readonly pattern: RegExp
  readonly code: ErrorCode
  /** `text` is the runtime's, for where it tells what a person can mend. */
  message(text: string): string
}

/** What only the WebAssembly build says; the rest is told in ONNX Runtime's own words, on every platform alike. */
const RULES: readonly Rule[] = [
  {
    pattern:
      /both async and sync fetching of the wasm failed|Failed to fetch dynamically imported|Importing a module script failed|error loading dynamically imported|no available backend found/,
    code: 'BACKEND_UNAVAILABLE',
    message: (text) =>
      `ONNX Runtime’s own files could not be loaded; copy the files of this package’s dist beside the app’s own, or pass their folder as assets, and see the page’s Content-Security-Policy (${text})`,
  },
  {
    pattern:
      /Aborted\(\)|memory access out of bounds|out of memory|Cannot enlarge memory|could not allocate memory|Array buffer allocation failed|exceeds the supported range|Tensor shape is too large|SafeIntOnOverflow/i,
    code: 'OUT_OF_MEMORY',
    message: () =>
      'WebAssembly’s memory, 4 GB at most, was not enough; use smaller inputs, a smaller batch or a smaller model',
  },
  {
    pattern: /Failed to load external data file .*Out of bounds/,
    code: 'FORMAT_UNSUPPORTED',
    message: (text) =>
      `external data is cut short: ${/""(.*?)""/.exec(text)?.[1] ?? 'a file'} ends before the weights do; download it again`,
  },
]

/** `failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: ` */
const CALL = /^(?:failed to call \w+\(\)|Can't create a session)\. ERROR_CODE: \d+, ERROR_MESSAGE: /

/** `[ONNXRuntimeError] : 1 : FAIL : ` */
const STATUS = /^\[ONNXRuntimeError\] : \d+ : \w+ : /

/**
 * Finds the words for what onnxruntime-web threw. Its own text is kept in `details.runtimeMessage` and as `cause`.
 *
 * @param raw - what was thrown in the worker
 * @param stage - what ONNX Runtime was doing
 */
export function mapError({ text, isOurs }: RawError, stage: Stage): Problem {
  if (isOurs) return { code: 'BACKEND_UNAVAILABLE', message: text, details: {} }
  const error = new Error(text)
  for (const { pattern, code, message } of RULES) {
    if (!pattern.test(text)) continue
    return { code, message: message(text), details: { runtimeMessage: text }, cause: error }
  }
  const unnamed = /^unsupported data type: (\d+)/.exec(text)?.[1]
  if (unnamed !== undefined) {
    const type = UNNAMED_TYPES[unnamed] ?? `of ONNX’s element type ${unnamed}`
    return unsupportedType('an input or output', type, 'onnxruntime-web', { runtimeMessage: text }, error)
  }
  const plain = new Error(withoutSourceLine(text.replace(CALL, '')).replace(STATUS, ''))
  const { code, message, details } = mapRuntimeError(plain, stage, 'onnxruntime-web')
  return { code, message, details: { ...details, runtimeMessage: text }, cause: error }
}
