import type { DType } from '@tensorferry/core'

/** One input of a run: where its elements lie in the run's buffer, or the strings themselves. */
export interface PackedInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: number | readonly string[]
}

/** All inputs of a run, copied into one buffer that moves to the worker and comes back for the next run. */
export interface PackedInputs {
  readonly buffer: ArrayBuffer
  readonly inputs: readonly PackedInput[]
}
