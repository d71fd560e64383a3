import type { TensorSpec } from '@tensorferry/core'
import type { SessionSpecs } from './executor-session.ts'
import type { ModelDescription, ValueDescription } from './model-description.ts'
import type { dtypeOf } from './ort-tensor.ts'

// Loaded for a bare file: a bundle says itself what it takes and gives.

/**
 * What a bare file takes and gives, as ONNX Runtime says it. An empty shape may mean a scalar or an unknown rank: nothing is claimed.
 *
 * Exporters write anything as the name of a size, and one name on axes of unlike sizes, which ONNX Runtime takes: each axis of an
 * input has a dim of its own. The second of a name is `batch_2`; `None` and the like, and `unk__12` of tf2onnx, mean "any".
 *
 * @param toDtype - `dtypeOf`
 */
export function specsOfFile({ inputs, outputs }: ModelDescription, toDtype: typeof dtypeOf): SessionSpecs {
  const taken = new Set<string>()
  const dimOf = (size: number | string, isOwn: boolean): number | string | null => {
    if (typeof size === 'number') return size < 0 ? null : size
    if (!/^[A-Za-z_]\w*$/.test(size) || /^(none|unknown|dynamic|unk_+\d+)$/i.test(size)) return null
    let name = size
    if (isOwn) for (let copy = 2; taken.has(name); copy++) name = `${size}_${copy}`
    taken.add(name)
    return name
  }
  const specOf = ({ name, type, shape }: ValueDescription, isOwn: boolean): TensorSpec => ({
    name,
    dtype: toDtype(type),
    shape: shape.length === 0 ? null : shape.map((size) => dimOf(size, isOwn)),
  })
  return {
    inputs: inputs.map((value) => specOf(value, true)),
    outputs: outputs.map((value) => specOf(value, false)),
    dims: {},
  }
}
