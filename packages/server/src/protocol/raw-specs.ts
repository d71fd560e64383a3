import type { TensorSpec } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import type { ServedModel } from '../models/served-model.ts'
import type { RawSpec } from './raw-request.ts'

/** Whether a model is nothing but a network: it takes and gives tensors. */
export function isPlain({ manifest }: ServedModel): boolean {
  return !manifest?.preprocess.length && !manifest?.postprocess.length
}

/** What a model takes: raw inputs of its pipeline, and the inputs that no step makes, as tensors. */
export function rawSpecs({ manifest, signature }: ServedModel): readonly RawSpec[] {
  const preprocess = manifest?.preprocess ?? []
  const made = new Set(preprocess.flatMap(({ to }) => to))
  return [
    ...preprocess.map(({ raw, steps }) => ({
      name: raw,
      kind: steps[0]?.op === 'decode_image' ? ('image' as const) : ('tensor' as const),
      datatype: 'FP32',
      rank: null,
    })),
    ...signature.inputs.filter(({ name }) => !made.has(name)).map(inputSpec),
  ]
}

function inputSpec({ name, dtype, shape }: TensorSpec): RawSpec {
  return { name, kind: 'input', datatype: dtype === null ? 'FP32' : datatypeOf(dtype), rank: shape?.length ?? null }
}
