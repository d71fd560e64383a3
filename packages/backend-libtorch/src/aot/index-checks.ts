import { type Tensor, TensorferryError, tagOf } from '@tensorferry/core'
import type { CompiledInputs } from './input-checks.ts'

/** A size that is a number, or a symbol of the compiler's that an input binds. */
type Size = number | string

/** Values that an input's elements may have, because they are indices. */
export interface IndexRange {
  /** Position of the input. */
  readonly input: number
  /** Negative ones count from the end. */
  readonly wraps: boolean
  /** Indices are smaller than this. */
  readonly below: Size
}

/** What a kernel's variable holds. */
type Origin =
  | { readonly kind: 'element'; readonly pointer: string; readonly wraps: Size | null }
  | { readonly kind: 'size'; readonly size: Size }
  | { readonly kind: 'sum'; readonly pointer: string; readonly by: Size }
  | { readonly kind: 'is-negative'; readonly pointer: string }

interface Check {
  readonly pointer: string
  readonly wraps: Size | null
  readonly below: Size
}

const sizeOf = (text: string): Size => (/^\d+L?$/.test(text) ? Number.parseInt(text, 10) : text)

/** One vector of elements, or several. */
const VECTOR = 'at::vec::VectorizedN?<[^>]*>'
const POINTER = new RegExp(`^(?:${VECTOR}::loadu\\()?(in_ptr\\d+|in_out_ptr\\d+)(?:\\[| \\+ )`)
const CONVERTED = new RegExp(
  `^(?:c10::convert<int\\d+_t>|static_cast<int\\d+_t>|at::vec::convert<int[^>]*>|${VECTOR})\\((\\w+)\\)$`,
)
const SUM = /^(?:(?:int64_t|int32_t)\()?(tmp\d+) \+ (tmp\d+)\)?$/
const IS_NEGATIVE = /^(?:at::vec::VecMask<[^>]*>\()?(tmp\d+) < (0|tmp\d+)\)?$/
const CHOICE =
  /^(?:(?<test>tmp\d+) \? (?<then>tmp\d+) : (?<otherwise>tmp\d+)|decltype\(tmp\d+\)::blendv\((?<lane>tmp\d+), (?<wrapped>tmp\d+), (?<mask>tmp\d+)\.template cast<[^>]*>\(\)\))$/
const STATEMENT = new RegExp(
  `auto (tmp\\d+) = ([^;]+);|AOTI_TORCH_CHECK\\([^\\n]*?(?:\\(0|\\(${VECTOR}\\(0\\)) <= (tmp\\d+)\\) & \\(tmp\\d+ < (?:${VECTOR}\\()?(\\w+)\\)`,
  'g',
)

function originOf(expression: string, known: ReadonlyMap<string, Origin>): Origin | undefined {
  const pointer = POINTER.exec(expression)?.[1]
  if (pointer) return { kind: 'element', pointer, wraps: null }
  const value = CONVERTED.exec(expression)?.[1] ?? expression
  if (/^tmp\d+$/.test(value)) return known.get(value)
  if (/^(?:\d+L?|ks\d+)$/.test(value)) return { kind: 'size', size: sizeOf(value) }
  const sum = SUM.exec(expression)
  if (sum) {
    const [element, size] = [known.get(sum[1]!), known.get(sum[2]!)]
    if (element?.kind !== 'element' || size?.kind !== 'size') return undefined
    return { kind: 'sum', pointer: element.pointer, by: size.size }
  }
  const comparison = IS_NEGATIVE.exec(expression)
  if (comparison) {
    const [element, zero] = [known.get(comparison[1]!), known.get(comparison[2]!)]
    const isZero = comparison[2] === '0' || (zero?.kind === 'size' && zero.size === 0)
    return element?.kind === 'element' && isZero ? { kind: 'is-negative', pointer: element.pointer } : undefined
  }
  const choice = CHOICE.exec(expression)?.groups
  if (choice) {
    const test = known.get((choice.test ?? choice.mask)!)
    const then = known.get((choice.then ?? choice.wrapped)!)
    const otherwise = known.get((choice.otherwise ?? choice.lane)!)
    const fits = test?.kind === 'is-negative' && then?.kind === 'sum' && otherwise?.kind === 'element'
    if (!fits || then.pointer !== otherwise.pointer || test.pointer !== then.pointer) return undefined
    return { kind: 'element', pointer: then.pointer, wraps: then.by }
  }
  return undefined
}

/** Vectors are taken apart and put together in functions of no name: those that only copy are written as copies. */
function withCopies(body: string): string {
  return body.replace(/auto (tmp\d+) =\s*\[&\]\s*\{([\s\S]*?)\}\s*\(\)\s*;/g, (_, name: string, block: string) => {
    const stored = /^\s*__at_align__[^;]*;\s*(tmp\d+)\.store\(tmpbuf/.exec(block)?.[1]
    const copied = /tmpbuf\[\w+\] = static_cast<int\d+_t>\((tmp\d+)\[\w+\]\);/.exec(block)?.[1]
    return `auto ${name} = ${stored ?? copied ?? 'unknown'};`
  })
}

/** Checks of elements that a kernel reads from what it is given, in one function's text. */
function checksIn(body: string): Check[] {
  const known = new Map<string, Origin>()
  const checks: Check[] = []
  for (const [, name, expression, value, below] of withCopies(body).matchAll(STATEMENT)) {
    if (name !== undefined) {
      const origin = originOf(expression!, known)
      if (origin) known.set(name, origin)
      else known.delete(name)
      continue
    }
    const origin = known.get(value!)
    if (origin?.kind === 'element') checks.push({ ...origin, below: sizeOf(below!) })
  }
  return checks
}

interface Kernel {
  readonly name: string
  readonly parameters: readonly string[]
  readonly body: string
}

function kernelsIn(source: string): Kernel[] {
  return [...source.matchAll(/extern "C"\s+void\s+(\w+)\(([^)]*)\)\s*\{([\s\S]*?)\n\}/g)].map(
    ([, name, parameters, body]) => ({
      name: name!,
      parameters: parameters!.split(',').map((parameter) => /(\w+)\s*$/.exec(parameter)?.[1] ?? ''),
      body: body!,
    }),
  )
}

/** Arguments of each call of a function, as they are written. */
function callsOf(name: string, wrapper: string): string[][] {
  return [...wrapper.matchAll(new RegExp(`\\b${name}\\((\\(.*)\\);`, 'g'))].map(([, list]) => list!.split(', '))
}

/**
 * Finds the inputs whose elements are indices, from the checks in the kernels' source. Where a kernel has several threads
 * such a check ends the process, because an exception may not leave a parallel region: it must hold before.
 *
 * @param wrapper - the package's `wrapper.cpp`
 * @param kernel - its `kernel.cpp`
 */
export function parseIndexChecks(wrapper: string, kernel: string, { inputs, dims }: CompiledInputs): IndexRange[] {
  const ranges = new Map<string, IndexRange>()
  for (const { name, parameters, body } of kernelsIn(kernel)) {
    const checks = checksIn(body)
    if (checks.length === 0) continue
    for (const call of callsOf(name, wrapper)) {
      const given = (parameter: string): string => call[parameters.indexOf(parameter)] ?? ''
      const sizeGiven = (size: Size): Size | null => {
        if (typeof size === 'number') return size
        const argument = given(size)
        return Object.hasOwn(dims, argument) ? argument : null
      }
      for (const check of checks) {
        const argument = /\*\)\((\w+)\.data_ptr\(\)\)$/.exec(given(check.pointer))?.[1]
        const input = inputs.findIndex((spec) => spec.name === argument)
        const below = sizeGiven(check.below)
        const wraps = check.wraps === null ? null : sizeGiven(check.wraps)
        // An index that the model computes itself, or a size that it does.
        if (input < 0 || below === null || (check.wraps !== null && wraps !== below)) continue
        const range = { input, below, wraps: wraps !== null }
        const key = `${input} ${below}`
        // The narrower one holds.
        if (!ranges.get(key) || !range.wraps) ranges.set(key, range)
      }
    }
  }
  return [...ranges.values()]
}

/** The first element outside of the range; -1: none. */
function firstOutside(data: Tensor['data'], least: number, below: number): number {
  if (tagOf(data) === 'BigInt64Array') {
    // Halves, as BigInt arithmetic takes ten times as long.
    const halves = new Int32Array((data as BigInt64Array).buffer, (data as BigInt64Array).byteOffset, data.length * 2)
    for (let index = 0; index < data.length; index++) {
      const low = halves[2 * index]!
      const high = halves[2 * index + 1]!
      const fits = (high === 0 && low >= 0 && low < below) || (high === -1 && low < 0 && low >= least)
      if (!fits) return index
    }
    return -1
  }
  const numbers = data as Int32Array
  return numbers.findIndex((value) => !(value >= least && value < below))
}

/**
 * @param inputs - in order
 * @param sizes - what each of the compiler's symbols is bound to
 * @throws TensorferryError `INPUT_INVALID` naming the input, the element and the range
 */
export function requireIndices(
  ranges: readonly IndexRange[],
  names: readonly string[],
  inputs: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>>,
): void {
  for (const { input, wraps, below } of ranges) {
    const name = names[input]!
    const size = typeof below === 'number' ? below : sizes[below]!
    const { data } = inputs[name]!
    const at = firstOutside(data, wraps ? -size : 0, size)
    if (at < 0) continue
    throw new TensorferryError(
      'INPUT_INVALID',
      `${name}: expected indices from ${wraps ? -size : 0} to ${size - 1}, got ${data[at]} at element ${at}`,
      { details: { input: name, element: at, value: String(data[at]), least: wraps ? -size : 0, below: size } },
    )
  }
}
