import { type ErrorCode, TensorferryError } from '@tensorferry/core'
import { mapError as mapNativeError, type Stage, withoutSourceLine } from '../../backend-onnx-node/src/map-error.ts'
import type { RawError } from './messages.ts'

export type { Stage } from '../../backend-onnx-node/src/map-error.ts'

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
      /Aborted\(\)|memory access out of bounds|out of memory|Cannot enlarge memory|could not allocate memory|Array buffer allocation failed|Tensor shape is too large|SafeIntOnOverflow/i,
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

/** ONNX's numbers of element types that the runtime's own table lacks, from onnx.proto3's TensorProto.DataType. */
const UNNAMED_TYPES: Readonly<Record<string, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
}

/** `failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: ` */
const CALL = /^(?:failed to call \w+\(\)|Can't create a session)\. ERROR_CODE: \d+, ERROR_MESSAGE: /

/** `[ONNXRuntimeError] : 1 : FAIL : ` */
const STATUS = /^\[ONNXRuntimeError\] : \d+ : \w+ : /

/**
 * Turns what onnxruntime-web threw into a typed error. Its own text is kept in `details.runtimeMessage` and as `cause`.
 *
 * @param raw - what was thrown in the worker
 * @param stage - what ONNX Runtime was doing
 */
export function mapError({ text, isOurs }: RawError, stage: Stage): TensorferryError {
  if (isOurs) return new TensorferryError('BACKEND_UNAVAILABLE', text)
  const error = new Error(text)
  for (const { pattern, code, message } of RULES) {
    if (!pattern.test(text)) continue
    return new TensorferryError(code, message(text), { details: { runtimeMessage: text }, cause: error })
  }
  const unnamed = /^unsupported data type: (\d+)/.exec(text)?.[1]
  if (unnamed !== undefined) {
    const type = UNNAMED_TYPES[unnamed] ?? `of ONNX’s element type ${unnamed}`
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `an input or output is ${type}, which onnxruntime-web cannot pass; export the model with a cast to float32, int32 or int64 there`,
      { details: { type, runtimeMessage: text }, cause: error },
    )
  }
  const told = mapNativeError(new Error(withoutSourceLine(text.replace(CALL, '')).replace(STATUS, '')), stage)
  return new TensorferryError(told.code, told.message.replaceAll('onnxruntime-node', 'onnxruntime-web'), {
    details: { ...told.details, runtimeMessage: text },
    cause: error,
  })
}
