import { type Tensor, TensorferryError, type TensorSpec, tensor } from '@tensorferry/core'
import type { TypeSchema } from './native-addon.ts'
import { leafSpec } from './slots.ts'
import { isTensor, type Value } from './value.ts'

const UNTYPED: TypeSchema = { kind: 'any', text: 'Any' }

function scalar(value: number | bigint | string | boolean, kind: TypeSchema['kind']): Tensor {
  if (typeof value === 'boolean') return tensor('bool', [value], [])
  if (typeof value === 'string') return tensor('string', [value], [])
  if (typeof value === 'bigint' || kind === 'int') return tensor('int64', [value], [])
  return tensor('float64', [value], [])
}

function itemType({ kind, items = [] }: TypeSchema, index: number): TypeSchema {
  const type = kind === 'tuple' ? items[index] : kind === 'dict' ? items[1] : kind === 'list' ? items[0] : null
  return type ?? UNTYPED
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
      flatten(item as Value, itemType(type, index), leaves)
    })
  }
  return leaves
}

/** An element of the result itself: `output0`; one deeper: `output0.boxes`. */
function pathOf(parent: string | null, part: string | number): string {
  return parent === null ? `output${part}` : `${parent}.${part}`
}

/**
 * Names for the results of a model without a signature, where the type says how many there are: `output0`, `output1.0`,
 * the fields of a NamedTuple.
 *
 * @returns null when it does not (a list, a dict, an optional)
 */
export function specsOfResult(type: TypeSchema): readonly TensorSpec[] | null {
  const specs: TensorSpec[] = []
  const visit = ({ kind, items = [], fields }: TypeSchema, path: string | null): boolean => {
    if (kind === 'tuple') {
      return items.every((item, index) => {
        const field = fields?.[index]
        return visit(item, field === undefined ? pathOf(path, index) : path === null ? field : `${path}.${field}`)
      })
    }
    const isLeaf = kind === 'tensor' || kind === 'int' || kind === 'float' || kind === 'bool' || kind === 'str'
    if (isLeaf) specs.push(leafSpec(path ?? 'output0', { is: 'one', kind, optional: false }))
    return isLeaf
  }
  return visit(type, null) ? specs : null
}

/** Keys that an object would put before the others, in order of size. */
const INDEX = /^(0|[1-9]\d*)$/

function entriesOf(value: object, path: string | null): (readonly [string, Value])[] {
  if (Array.isArray(value)) return value.map((item, index) => [pathOf(path, index), item] as const)
  const entries: [string, Value][] = (
    value instanceof Map ? [...value].map(([key, item]) => [String(key), item]) : Object.entries(value)
  ) as [string, Value][]
  const parent = path ?? (entries.some(([key]) => INDEX.test(key)) ? 'output' : null)
  return entries.map(([key, item]) => [parent === null ? key : `${parent}.${key}`, item] as const)
}

/**
 * The tensors of a result under names: the keys of a dict, the fields of a NamedTuple, `output0`, `output1` of a tuple or
 * list; deeper ones follow a dot. A dict with keys such as "32", which an object would reorder, gives `output.32`.
 *
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` when two get one name
 */
export function nameLeaves(value: Value, type: TypeSchema): Record<string, Tensor> {
  if (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map) &&
    !isTensor(value)
  ) {
    const entries = Object.entries(value as Record<string, Value>)
    // A dict of tensors, the usual case: the addon makes no object whose keys would be reordered.
    if (entries.every(([, item]) => isTensor(item))) return Object.fromEntries(entries) as Record<string, Tensor>
  }
  const leaves: Record<string, Tensor> = Object.create(null)
  const add = (name: string, leaf: Tensor): void => {
    if (name in leaves) {
      throw new TensorferryError(
        'BACKEND_INCOMPATIBLE',
        `two results of forward get the name ${JSON.stringify(name)}; use session.call('forward', …), which keeps them apart`,
        { details: { output: name } },
      )
    }
    leaves[name] = leaf
  }
  const visit = (item: Value, itsType: TypeSchema, path: string | null): void => {
    if (item === null || item === undefined) return
    if (itsType.kind === 'optional') visit(item, itsType.items![0]!, path)
    else if (isTensor(item)) add(path ?? 'output0', item)
    else if (typeof item !== 'object') add(path ?? 'output0', scalar(item, itsType.kind))
    else {
      entriesOf(item, path).forEach(([name, inner], index) => {
        visit(inner, itemType(itsType, index), name)
      })
    }
  }
  visit(value, type, null)
  return { ...leaves }
}
