/** Every way the SDK fails. Stable: a code never changes meaning. `status` is the HTTP status a server answers with. */
export const ERRORS = {
  /** The named backend package cannot be resolved from the app. */
  BACKEND_NOT_INSTALLED: { status: 500 },
  /** The backend is installed and cannot work on this machine. */
  BACKEND_UNAVAILABLE: { status: 503 },
  /** The backend does not fit this core, this model or this option. */
  BACKEND_INCOMPATIBLE: { status: 500 },
  /** An optional package is needed for this call. */
  DEPENDENCY_MISSING: { status: 500 },
  /** An option of the SDK has a wrong name or value. */
  OPTIONS_INVALID: { status: 500 },
  /** The file is not a model that the chosen backend reads. */
  FORMAT_UNSUPPORTED: { status: 415 },
  /** `bundle.json` is missing, malformed, or contradicts itself. */
  BUNDLE_INVALID: { status: 500 },
  /** A file's size or sha256 differs from the one the bundle lists. */
  INTEGRITY_FAILED: { status: 500 },
  /** A file could not be fetched. */
  DOWNLOAD_FAILED: { status: 502 },
  /** The model is native code and the caller has not said that it may run. */
  UNTRUSTED_CODE: { status: 403 },
  /** No such file, folder, artifact or output. */
  NOT_FOUND: { status: 404 },
  /** An input has a wrong name, dtype, shape or content. */
  INPUT_INVALID: { status: 400 },
  /** A backend gave other numbers than PyTorch did. */
  VERIFICATION_FAILED: { status: 500 },
  /** The session, model or stream was disposed. */
  SESSION_DISPOSED: { status: 409 },
  /** The caller's `signal` aborted the call. */
  ABORTED: { status: 499 },
  /** The call outlasted its `timeoutMs`. */
  TIMED_OUT: { status: 504 },
  /** A queue is full. */
  OVERLOADED: { status: 503 },
  /** Memory could not be had. */
  OUT_OF_MEMORY: { status: 507 },
  /** The runtime failed while it ran the model; `cause` is its own error. */
  RUNTIME_FAILED: { status: 500 },
} as const

/** A code of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS

const BRAND = Symbol.for('tensorferry.error')

/** What crosses a worker, a process or a wire in place of an error object. */
export interface SerializedError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** The one error class the SDK throws. Branch on `code`; `cause` is the runtime's own error. */
export class TensorferryError extends Error {
  override readonly name = 'TensorferryError'
  /** Stable code, see {@link ERRORS}. */
  readonly code: ErrorCode
  /** What was expected and what came, as data. */
  readonly details: Readonly<Record<string, unknown>>

  /**
   * @param code - one of {@link ERRORS}
   * @param message - what was expected, what came, what to do
   * @param options - `cause`, and `details` as plain data
   */
  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { readonly details?: Record<string, unknown> },
  ) {
    super(message, options)
    this.code = code
    this.details = options?.details ?? {}
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** True for an error of this class, from any installed copy of core, where `instanceof` fails. */
  static is(error: unknown, code?: ErrorCode): error is TensorferryError {
    return (
      typeof error === 'object' &&
      error !== null &&
      BRAND in error &&
      (code === undefined || (error as unknown as TensorferryError).code === code)
    )
  }

  /** Plain data for `postMessage` or JSON; structuredClone of an error drops its code and brand. */
  toJSON(): SerializedError {
    return { code: this.code, message: this.message, details: this.details }
  }

  /** Rebuilds an error from {@link TensorferryError.toJSON}. */
  static from(serialized: SerializedError, cause?: unknown): TensorferryError {
    return rebuild(serialized, cause)
  }
}

// Not inside the class: bundlers rename a class that names itself, and every stack would begin with the other name.
function rebuild({ code, message, details }: SerializedError, cause: unknown): TensorferryError {
  return new TensorferryError(code, message, { details: { ...details }, cause })
}
