import type { Signature } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import type { ServedModel } from '../models/served-model.ts'
import type { RawSpec } from './raw-request.ts'

function inputSpecs({ inputs }: Signature): readonly RawSpec[] {
  return inputs.map(({ name, dtype, shape }) => ({
    name,
    kind: 'input',
    datatype: dtype === null ? 'FP32' : datatypeOf(dtype),
    rank: shape?.length ?? null,
  }))
}

/** What a model takes: raw inputs of its pipeline, or without one its tensors. */
export function rawSpecs({ manifest, signature }: ServedModel): readonly RawSpec[] {
  const preprocess = manifest?.preprocess ?? []
  if (preprocess.length === 0) return inputSpecs(signature)
  return preprocess.map(({ raw, steps }) => ({
    name: raw,
    kind: steps[0]?.op === 'decode_image' ? 'image' : 'tensor',
    datatype: 'FP32',
    rank: null,
  }))
}
