import { TensorferryError, type TensorSpec, type Tensors } from '@tensorferry/core'
import { type Build, dictOf, type Layout, leafValue, tupleOf } from './layout.ts'
import type { MethodSchema, ParameterSchema, TypeSchema } from './native-addon.ts'
import { leafSpec, type Slot, slotOf } from './slots.ts'

/** Longer lists are a slip of a name, such as `images.20240131`. */
const LONGEST = 65_536

/** A call's names, and the specs that they turn out to be. */
interface Call {
  readonly names: readonly string[]
  readonly specs: TensorSpec[]
}

function isGiven(path: string, { names }: Call): boolean {
  return names.some((name) => name === path || name.startsWith(`${path}.`))
}

/** What follows `path.` in the names: up to the next dot, or all of it where a leaf follows. */
function keysOf(path: string, item: Slot, { names }: Call): string[] {
  const isLeaf = item.is === 'one' || item.is === 'row'
  const keys = names
    .filter((name) => name.startsWith(`${path}.`))
    .map((name) => name.slice(path.length + 1))
    .map((rest) => (isLeaf || !rest.includes('.') ? rest : rest.slice(0, rest.indexOf('.'))))
  return [...new Set(keys)]
}

function expandList(item: Slot, path: string, call: Call): Build {
  const indices = keysOf(path, item, call).filter((key) => /^(0|[1-9]\d*)$/.test(key))
  const length = Math.max(1, ...indices.map((index) => Number(index) + 1))
  if (length > LONGEST) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${path}: expected at most ${LONGEST} elements, got ${path}.${length - 1}`,
      {
        details: { input: path, length },
      },
    )
  }
  return tupleOf(Array.from({ length }, (_, index) => expand(item, `${path}.${index}`, call)))
}

function expandDict({ key, item }: Extract<Slot, { is: 'dict' }>, path: string, call: Call): Build {
  const keys = keysOf(path, item, call).filter((name) => key === 'str' || /^(0|-?[1-9]\d{0,18})$/.test(name))
  if (keys.length === 0) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${path}: expected tensors under the keys of a dict, such as ${path}.${key === 'int' ? '0' : 'key'}, got ${call.names.join(', ') || 'no inputs'}`,
      { details: { input: path, given: call.names } },
    )
  }
  return dictOf(
    key,
    keys.map((name) => [name, expand(item, `${path}.${name}`, call)]),
  )
}

/** What is not given, and not optional, gets a spec all the same: the check of inputs says that it is missing. */
function expand(slot: Slot, path: string, call: Call): Build {
  if (slot.optional && !isGiven(path, call)) return () => null
  switch (slot.is) {
    case 'tuple':
      return tupleOf(slot.items.map((item, index) => expand(item, `${path}.${slot.fields[index]}`, call)))
    case 'list':
      return expandList(slot.item, path, call)
    case 'dict':
      return expandDict(slot, path, call)
    default: {
      const at = call.specs.push(leafSpec(path, slot)) - 1
      return (tensors) => leafValue(path, slot, tensors[at]!)
    }
  }
}

/** The inputs that are always there; of a list its first element, of a dict none: its keys are the caller's. */
function listed(slot: Slot, path: string): TensorSpec[] {
  switch (slot.is) {
    case 'tuple':
      return slot.items.flatMap((item, index) => listed(item, `${path}.${slot.fields[index]}`))
    case 'list':
      return listed(slot.item, `${path}.0`)
    case 'dict':
      return []
    default:
      return [leafSpec(path, slot)]
  }
}

/** How `run` binds tensors by name to `forward`, of a file without a signature. */
export interface NamedArguments {
  /** Inputs of parameters without a default. */
  readonly specs: readonly TensorSpec[]
  /**
   * null: inputs are always `specs`, each of them one argument. It gives null when those of one call are.
   *
   * @throws TensorferryError `BACKEND_INCOMPATIBLE` when a parameter takes what tensors cannot be, `INPUT_INVALID`
   */
  readonly layoutOf: ((inputs: Tensors) => Layout | null) | null
}

function hasNoForm({ kind, items = [] }: TypeSchema): boolean {
  return kind === 'unsupported' || items.some(hasNoForm)
}

function refuse({ name, type }: ParameterSchema): never {
  const advice = hasNoForm(type)
    ? 'which has no form in JavaScript; export a module whose forward makes it from tensors'
    : "which run() cannot pass; use session.call('forward', …)"
  throw new TensorferryError('BACKEND_INCOMPATIBLE', `forward takes ${name}: ${type.text}, ${advice}`, {
    details: { parameter: name, type: type.text },
  })
}

/** Names for the parameters of `forward`: `x`, `state.0`, `inputs.a`, `point.x`, as deep as their types go. */
export function namedArguments({ parameters }: MethodSchema): NamedArguments {
  const slots = parameters.map(({ type }) => slotOf(type))
  const required = parameters.flatMap((parameter, index) =>
    parameter.optional ? [] : [{ parameter, slot: slots[index]! }],
  )
  const unfit = required.find(({ slot }) => slot === null)
  const specs = unfit ? [] : required.flatMap(({ parameter, slot }) => listed(slot, parameter.name))
  // Each is one tensor or scalar, and what follows has a default: those need no layout.
  const isFlat =
    !unfit && required.every(({ parameter, slot }, index) => slot.is === 'one' && parameter === parameters[index])
  if (isFlat && required.length === parameters.length && !slots.some((slot) => slot!.optional)) {
    return { specs, layoutOf: null }
  }

  function isPlain(inputs: Tensors): boolean {
    let count = 0
    for (const name in inputs) if (inputs[name] !== undefined) count++
    return count === specs.length && specs.every(({ name }) => inputs[name] !== undefined)
  }

  return {
    specs,
    layoutOf(inputs) {
      if (unfit) refuse(unfit.parameter)
      // Not an object: the check of inputs says so.
      if (typeof inputs !== 'object' || inputs === null || (isFlat && isPlain(inputs))) return null
      const call: Call = { names: Object.keys(inputs).filter((name) => inputs[name] !== undefined), specs: [] }
      const builds = parameters.map((parameter, index): Build => {
        const slot = slots[index]!
        if (parameter.optional && !isGiven(parameter.name, call)) return () => undefined
        return slot ? expand(slot, parameter.name, call) : refuse(parameter)
      })
      return { specs: call.specs, arguments: (tensors) => builds.map((build) => build(tensors)) }
    },
  }
}
