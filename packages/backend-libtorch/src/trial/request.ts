import type { DType } from '@tensorferry/core'

/** What is tried in a process of its own, which it may end. */
export type TrialRequest =
  | {
      readonly kind: 'compiled'
      /** Absolute paths: libtorch's main library, the model's, weights beside it. */
      readonly main: string
      readonly library: string
      readonly weights: string | null
      readonly threads: number
      /** Of one run with zeros; null: it is only loaded. */
      readonly inputs: readonly { readonly dtype: DType; readonly shape: readonly number[] }[] | null
    }
  | {
      readonly kind: 'libraries'
      /** The loader that was built with the TorchScript addon. */
      readonly loader: string
      /** Absolute paths, in this order. */
      readonly paths: readonly string[]
    }

/** The child has read the request; what ends it from here on is what it tries. */
export const BEGUN = 'begun'

/** How the child ends when native code has refused with an error of its own: it will do so again in the caller's process. */
export const REFUSED = 3
