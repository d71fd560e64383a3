import { type Tensor, type TensorSpec, tensor } from '@tensorferry/core'
import type { TypeSchema } from './native-addon.ts'
import { isTensor, type Value } from './value.ts'

const UNTYPED: TypeSchema = { kind: 'any', text: 'Any' }

function scalar(value: number | bigint | string | boolean, kind: TypeSchema['kind']): Tensor {
  if (typeof value === 'boolean') return tensor('bool', [value], [])
  if (typeof value === 'string') return tensor('string', [value], [])
  if (typeof value === 'bigint' || kind === 'int') return tensor('int64', [value], [])
  return tensor('float64', [value], [])
}

/**
 * The tensors of a result in order, through tuples, lists, dicts and NamedTuples; a scalar gets shape [], `None` gives none.
 *
 * @param type - tells 3 from 3.0, which JavaScript does not
 * @param leaves - where they are added
 */
export function flatten(value: Value, type: TypeSchema, leaves: Tensor[] = []): Tensor[] {
  if (isTensor(value)) leaves.push(value)
  else if (value === null || value === undefined) return leaves
  else if (type.kind === 'optional') flatten(value, type.items![0]!, leaves)
  else if (typeof value !== 'object') leaves.push(scalar(value, type.kind))
  else {
    const values = Array.isArray(value) || value instanceof Map ? [...value.values()] : Object.values(value)
    values.forEach((item, index) => {
      const { kind, items = [] } = type
      const itemType = kind === 'tuple' ? items[index] : kind === 'dict' ? items[1] : kind === 'list' ? items[0] : null
      flatten(item as Value, itemType ?? UNTYPED, leaves)
    })
  }
  return leaves
}

function leafSpec(name: string, { kind }: TypeSchema): TensorSpec | null {
  switch (kind) {
    case 'tensor':
      return { name, dtype: null, shape: null }
    case 'int':
      return { name, dtype: 'int64', shape: [], kind: 'int' }
    case 'float':
      return { name, dtype: 'float64', shape: [], kind: 'float' }
    case 'bool':
      return { name, dtype: 'bool', shape: [], kind: 'bool' }
    case 'str':
      return { name, dtype: 'string', shape: [], kind: 'str' }
    default:
      return null
  }
}

/**
 * Names for the results of a model without a signature: `output0`, `output1`, or the fields of a NamedTuple.
 *
 * @returns null when the type does not say how many there are (a list, a dict, an optional)
 */
export function specsOfResult(type: TypeSchema): readonly TensorSpec[] | null {
  const specs: TensorSpec[] = []
  const visit = (inner: TypeSchema, name: string | null): boolean => {
    if (inner.kind === 'tuple') {
      return inner.items!.every((item, index) => visit(item, inner.fields?.[index] ?? null))
    }
    const spec = leafSpec(name ?? `output${specs.length}`, inner)
    if (spec) specs.push(spec)
    return spec !== null
  }
  if (!visit(type, null)) return null
  const names = new Set(specs.map(({ name }) => name))
  // Two NamedTuples may have the same fields.
  return names.size === specs.length ? specs : specs.map((spec, index) => ({ ...spec, name: `output${index}` }))
}

/** Names for the tensors of one result: the keys of a dict, else `output0`, `output1`. */
export function nameLeaves(value: Value, leaves: readonly Tensor[]): Record<string, Tensor> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map)
  if (isRecord && !isTensor(value)) {
    const entries = Object.entries(value as Record<string, Value>)
    if (entries.length === leaves.length && entries.every(([, item]) => isTensor(item))) {
      return Object.fromEntries(entries) as Record<string, Tensor>
    }
  }
  return Object.fromEntries(leaves.map((leaf, index) => [`output${index}`, leaf]))
}
