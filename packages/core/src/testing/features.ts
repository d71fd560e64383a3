import type { DType } from '../tensor.ts'

/** Facts about a backend that decide which cases it is asked. */
export interface BackendFeatures {
  /** Runs do not block the thread that calls: false for a backend that computes inline. */
  readonly offThread: boolean
  /** It loads the artifact's files itself: false when a server holds the model. */
  readonly readsFiles: boolean
  /** Dtypes that it takes and gives. A model with any other must be refused with a typed error. */
  readonly dtypes: readonly DType[]
  /** NaN and infinities survive. False for a server whose JSON has no text for them: goldens with one are left out. Default true. */
  readonly notFinite?: boolean | undefined
}
