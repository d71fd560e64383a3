import type { Artifact, ModelFormat } from '../backend.ts'
import type { Signature } from '../signature.ts'
import type { DType, Tensors } from '../tensor.ts'

/**
 * What a fixture is good for; a case names the ones it needs.
 *
 * - `goldens`: has inputs with the outputs they must give
 * - `general`: float32; inputs `input` [batch, features], `offset` [batch, 1], `pairs` [2*batch]; outputs
 *   `sum = 2 * input + offset`, `stacked` (the input twice along axis 0), `paired = pairs + 2`; batch 1 to 8, features 2 to 16, even
 * - `dynamic-dims`: its goldens have different sizes
 * - `states`: the signature lists states, and the goldens are the steps of one stream from zeros
 * - `inner-state`: the model remembers, the goldens are the steps from its first state, and `reset` brings that back
 * - `aliases`: a runtime may hand out its outputs as the memory of the input or of one another
 * - `strings`: input `input` [rows, 3] of strings comes back as `reversed`, its last axis turned round
 * - `slow`: `output = 2 * input` for float32 `input` [rows, 1], and the work grows with the rows: 4 million operations each
 * - `runtime-failure`: `failing` inputs agree with the signature, and the runtime fails over them
 * - `external-files`: the model needs more than its first file
 * - `self-describing`: the file itself says what the names and dtypes of its inputs and outputs are
 * - `unknown-dtype`: an output has a dtype that the SDK lacks
 */
export type FixtureTrait =
  | 'goldens'
  | 'general'
  | 'dynamic-dims'
  | 'states'
  | 'inner-state'
  | 'aliases'
  | 'strings'
  | 'slow'
  | 'runtime-failure'
  | 'external-files'
  | 'self-describing'
  | 'unknown-dtype'

/** Inputs and the outputs that the model gives for them. */
export interface Golden {
  readonly name: string
  readonly inputs: Tensors
  readonly outputs: Tensors
}

/** A fixture's content; every load makes it anew, so a case may change what it holds. */
export interface LoadedFixture {
  readonly name: string
  readonly artifact: Artifact
  readonly signature: Signature
  readonly goldens: readonly Golden[]
  /** With the trait `runtime-failure` only. */
  readonly failing: Tensors | null
}

/** A small model that the cases are run on, embedded in a module of its own that is imported by `load`. */
export interface ConformanceFixture {
  readonly name: string
  readonly format: ModelFormat
  readonly traits: readonly FixtureTrait[]
  /** Dtypes of its inputs and outputs: a backend that lacks one must refuse the model. */
  readonly dtypes: readonly DType[]
  /** Imports the fixture's files and goldens. */
  load(): Promise<LoadedFixture>
}
