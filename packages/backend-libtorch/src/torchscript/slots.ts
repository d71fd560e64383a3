import type { TensorSpec } from '@tensorferry/core'
import type { TypeSchema } from './native-addon.ts'

/** How one element travels: a tensor as it is, a scalar as a tensor of shape []. */
export type Kind = NonNullable<TensorSpec['kind']>

/** What `run` puts into a parameter, or into a part of one. */
export type Slot = { readonly optional: boolean } & (
  | { readonly is: 'one'; readonly kind: Kind }
  /** A list of scalars: one tensor of rank 1. */
  | { readonly is: 'row'; readonly kind: Exclude<Kind, 'tensor'> }
  | { readonly is: 'tuple'; readonly items: readonly Slot[]; readonly fields: readonly string[] }
  | { readonly is: 'list'; readonly item: Slot }
  | { readonly is: 'dict'; readonly key: 'str' | 'int'; readonly item: Slot }
)

const SCALARS: readonly string[] = ['int', 'float', 'bool', 'str']

/** Dtypes that a scalar or a list of scalars travels in; the first is what a file without a signature lists. */
export const DTYPES: Record<Kind, readonly TensorSpec['dtype'][]> = {
  tensor: [],
  int: ['int64', 'int32'],
  float: ['float64', 'float32'],
  bool: ['bool'],
  str: ['string'],
}

function listSlot(item: TypeSchema): Slot | null {
  const slot = slotOf(item)
  if (!slot) return null
  const isRow = slot.is === 'one' && slot.kind !== 'tensor' && !slot.optional
  if (isRow) return { is: 'row', kind: slot.kind as Exclude<Kind, 'tensor'>, optional: false }
  return { is: 'list', item: slot, optional: false }
}

function tupleSlot({ items = [], fields }: TypeSchema): Slot | null {
  const slots = items.map(slotOf)
  if (slots.includes(null)) return null
  const names = fields ?? items.map((_, index) => String(index))
  return { is: 'tuple', items: slots as Slot[], fields: names, optional: false }
}

/** How tensors by name fill a value of this type; null: they cannot. */
export function slotOf(type: TypeSchema): Slot | null {
  const { kind, items = [] } = type
  switch (kind) {
    case 'optional': {
      const slot = slotOf(items[0]!)
      return slot && { ...slot, optional: true }
    }
    case 'union': {
      const slot = items.map(slotOf).find((member) => member !== null) ?? null
      return slot && { ...slot, optional: slot.optional || items.some((member) => member.kind === 'none') }
    }
    case 'list':
      return listSlot(items[0]!)
    case 'tuple':
      return tupleSlot(type)
    case 'dict': {
      const key = items[0]!.kind
      const item = slotOf(items[1]!)
      return item && (key === 'str' || key === 'int') ? { is: 'dict', key, item, optional: false } : null
    }
    case 'number':
      return { is: 'one', kind: 'float', optional: false }
    case 'tensor':
    case 'any':
      return { is: 'one', kind: 'tensor', optional: false }
    default:
      return SCALARS.includes(kind) ? { is: 'one', kind: kind as Kind, optional: false } : null
  }
}

/** The input of a leaf, where no signature says more. */
export function leafSpec(name: string, slot: Extract<Slot, { is: 'one' | 'row' }>): TensorSpec {
  if (slot.kind === 'tensor') return { name, dtype: null, shape: null }
  const dtype = DTYPES[slot.kind][0]!
  return slot.is === 'one' ? { name, dtype, shape: [], kind: slot.kind } : { name, dtype, shape: [null] }
}
