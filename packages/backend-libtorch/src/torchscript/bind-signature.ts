import { type Signature, TensorferryError, type TensorSpec } from '@tensorferry/core'
import { type Build, dictOf, type Layout, leafValue, tupleOf } from './layout.ts'
import type { MethodSchema, ParameterSchema, TypeSchema } from './native-addon.ts'
import { type Slot, slotOf } from './slots.ts'

function invalid(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BUNDLE_INVALID', `the signature does not fit the model: ${message}`, { details })
}

/** How many tensors a slot takes; of a list or a dict, as few as there may be. */
function fewest(slot: Slot | null): number {
  if (!slot || slot.optional) return 0
  if (slot.is === 'tuple') return slot.items.reduce((sum, item) => sum + fewest(item), 0)
  return slot.is === 'one' || slot.is === 'row' ? 1 : 0
}

/** Goes through a signature's inputs as the parameters take them, in order. */
class Binder {
  #at = 0
  readonly #inputs: readonly TensorSpec[]
  /** One `at` was not a tensor or scalar for a parameter of its own. */
  isFlat = true

  constructor(inputs: readonly TensorSpec[]) {
    this.#inputs = inputs
  }

  get left(): number {
    return this.#inputs.length - this.#at
  }

  /** @param after - tensors that later slots cannot do without */
  bind(slot: Slot, type: TypeSchema, path: string, after: number): Build {
    if (slot.optional && this.left <= after) {
      this.isFlat = false
      return () => null
    }
    if (slot.is === 'one' || slot.is === 'row') return this.#leaf(slot, type, path)
    this.isFlat = false
    if (slot.is === 'tuple') {
      return tupleOf(
        slot.items.map((item, index) => {
          const later = slot.items.slice(index + 1).reduce((sum, other) => sum + fewest(other), after)
          return this.bind(item, type, `${path}.${slot.fields[index]}`, later)
        }),
      )
    }
    return slot.is === 'list' ? this.#list(slot.item, type, path, after) : this.#dict(slot, type, path, after)
  }

  #leaf(slot: Extract<Slot, { is: 'one' | 'row' }>, type: TypeSchema, path: string): Build {
    const at = this.#at++
    const spec = this.#inputs[at]
    if (!spec) invalid(`forward's ${path} (${type.text}) has no input`, { parameter: path, type: type.text })
    const kind = spec.kind ?? 'tensor'
    if (slot.is === 'row') {
      this.isFlat = false
      if (kind !== 'tensor') this.#refuseKind(spec, kind, type, path)
      return (tensors) => leafValue(spec.name, slot, tensors[at]!)
    }
    const fits =
      kind === slot.kind || type.kind === 'any' || (type.kind === 'number' && kind !== 'tensor' && kind !== 'str')
    if (!fits) this.#refuseKind(spec, kind, type, path)
    return (tensors) => leafValue(spec.name, { ...slot, kind }, tensors[at]!)
  }

  #refuseKind(spec: TensorSpec, kind: string, { text }: TypeSchema, path: string): never {
    invalid(`input ${JSON.stringify(spec.name)} is passed as ${kind}, forward's ${path} is ${text}`, {
      input: spec.name,
      kind,
      type: text,
    })
  }

  /** The next inputs that are called `path.` and something. */
  #under(path: string): string | null {
    const name = this.#inputs[this.#at]?.name
    return name?.startsWith(`${path}.`) ? name.slice(path.length + 1) : null
  }

  /** By their names where those say it, else all that later parameters leave. */
  #list(item: Slot, type: TypeSchema, path: string, after: number): Build {
    const builds: Build[] = []
    const isNamed = this.#under(path) !== null
    while (isNamed ? this.#under(path) !== null : this.left > after) {
      builds.push(this.bind(item, type, `${path}.${builds.length}`, after))
    }
    return tupleOf(builds)
  }

  #dict({ key, item }: Extract<Slot, { is: 'dict' }>, type: TypeSchema, path: string, after: number): Build {
    const entries = new Map<string, Build>()
    for (let rest = this.#under(path); rest !== null; rest = this.#under(path)) {
      const isLeaf = item.is === 'one' || item.is === 'row'
      const name = isLeaf || !rest.includes('.') ? rest : rest.slice(0, rest.indexOf('.'))
      if (entries.has(name) || (key === 'int' && !/^(0|-?[1-9]\d{0,18})$/.test(name))) break
      entries.set(name, this.bind(item, type, `${path}.${name}`, after))
    }
    if (entries.size === 0 && this.left > after) {
      invalid(
        `forward's ${path} is ${type.text}, whose keys the names of its inputs must say: ${path}.${key === 'int' ? '0' : 'key'}, got ${this.#inputs[this.#at]!.name}`,
        { parameter: path, type: type.text },
      )
    }
    return dictOf(key, [...entries])
  }
}

function describe(parameters: readonly ParameterSchema[]): string {
  return parameters.map(({ name, type }) => `${name}: ${type.text}`).join(', ') || 'nothing'
}

/**
 * Binds a signature's inputs, by their order, to the parameters of `forward`. Tuples take one input for each element; how
 * many a list or dict takes, and its keys, are said by names such as `images.0` and `inputs.a`.
 *
 * @returns null: each input is one tensor or scalar for one parameter
 * @throws TensorferryError `BUNDLE_INVALID` for too few, too many, or another kind
 */
export function bindSignature(
  { inputs }: Pick<Signature, 'inputs'>,
  { parameters }: Pick<MethodSchema, 'parameters'>,
): Layout | null {
  const slots = parameters.map(({ type }) => slotOf(type))
  const mismatch = (): never =>
    invalid(
      `forward takes ${describe(parameters)}, the signature lists ${inputs.map(({ name }) => name).join(', ') || 'no inputs'}`,
      {
        parameters: parameters.map(({ name }) => name),
        inputs: inputs.map(({ name }) => name),
      },
    )
  const needs = parameters.map(({ optional }, index) => (optional ? 0 : fewest(slots[index]!)))
  if (inputs.length < needs.reduce((sum, count) => sum + count, 0)) mismatch()
  const binder = new Binder(inputs)
  const builds = parameters.map(({ name, type, optional }, index): Build => {
    const after = needs.slice(index + 1).reduce((sum, count) => sum + count, 0)
    const slot = slots[index]!
    if (optional && binder.left <= after) {
      if (after > 0) binder.isFlat = false
      return () => undefined
    }
    if (slot) return binder.bind(slot, type, name, after)
    return invalid(
      `forward's ${name} is ${type.text}, which tensors cannot be; call it with session.call of the bare file`,
      {
        parameter: name,
        type: type.text,
      },
    )
  })
  if (binder.left > 0) mismatch()
  if (binder.isFlat) return null
  return { specs: inputs, arguments: (tensors) => builds.map((build) => build(tensors)) }
}
