import type { DimSpec, DType, TensorSpec } from '@tensorferry/core'

/** What a compiled model takes, in order: by the compiler's names, such as `arg0_1` and `s77`. */
export interface CompiledInputs {
  readonly inputs: readonly TensorSpec[]
  readonly dims: Readonly<Record<string, DimSpec>>
  /** Inputs that were compiled for another order in memory than row-major. */
  readonly notRowMajor: readonly string[]
}

interface CompiledInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly string[]
  readonly bounds: ReadonlyMap<number, DimSpec>
  readonly isRowMajor: boolean
}

const DTYPES: readonly string[] = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
]

/** Numbers that `NAME_size[axis]` or `NAME_stride[axis]` is compared with, by axis. */
function comparisons(check: string, what: string, pattern: (place: string) => string): Map<number, number> {
  const found = check.matchAll(new RegExp(pattern(`${what}\\[(?<axis>\\d+)\\]`), 'g'))
  return new Map([...found].map(({ groups }) => [Number(groups!.axis), Number(groups!.value)]))
}

/** Whether the strides are those of row-major memory; null: it cannot be told. Only strides that are numbers are checked. */
function isRowMajor(shape: readonly string[], strides: ReadonlyMap<number, number>): boolean | null {
  let expected: number | null = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = Number(shape[axis])
    const stride = strides.get(axis)
    // Along an axis of one there is no step.
    if (size !== 1) {
      if (stride !== undefined && stride !== expected) return false
      if (stride === undefined && expected !== null) return null
    }
    expected = expected === null || Number.isNaN(size) ? null : expected * size
  }
  return true
}

/** Items of a C++ list of sizes; there is a comma after a single one. */
function itemsOf(list: string): string[] {
  const items = list.split(',').map((item) => item.trim().replace(/\b(\d+)L+\b/g, '$1'))
  return items.filter((item) => item !== '')
}

function boundsOf(least: number | undefined, most: number | undefined): DimSpec {
  // torch writes 2 for an axis that was exported from 0 or 1 on; the code's loops take those as well.
  return { min: least === undefined || least <= 2 ? 0 : least, max: most ?? null }
}

function parseInput(source: string, index: number, name: string): CompiledInput | null {
  const start = source.indexOf(`static void check_input_${index}(`)
  if (start < 0) return null
  const check = source.slice(start, source.indexOf('\n}', start))
  const dtype = new RegExp(`${name}_expected_dtype = aoti_torch_dtype_(\\w+)\\(\\)`).exec(check)?.[1]
  if (dtype === undefined || !DTYPES.includes(dtype)) return null

  const sizes = comparisons(check, `${name}_size`, (place) => `if \\((?<value>\\d+) != ${place}\\)`)
  const least = comparisons(check, `${name}_size`, (place) => `if \\(${place} < (?<value>\\d+)\\)`)
  const most = comparisons(check, `${name}_size`, (place) => `if \\(${place} > (?<value>\\d+)\\)`)
  const strides = comparisons(check, `${name}_stride`, (place) => `if \\((?<value>\\d+) != ${place}\\)`)
  const symbols = new Map<number, string>()
  for (const [, symbol, axis] of source.matchAll(new RegExp(`int64_t (\\w+) = ${name}_size\\[(\\d+)\\];`, 'g'))) {
    symbols.set(Number(axis), symbol!)
  }
  const layout = new RegExp(`assert_size_stride\\(${name}, \\{([^}]*)\\}`).exec(source)?.[1]
  const items = layout === undefined ? null : itemsOf(layout)
  const axes = [sizes, least, most, strides, symbols].flatMap((map) => [...map.keys()])
  const rank = items?.length ?? Math.max(-1, ...axes) + 1
  if (axes.some((axis) => axis >= rank)) return null

  const shape: string[] = []
  for (let axis = 0; axis < rank; axis++) {
    const size = sizes.get(axis)?.toString() ?? symbols.get(axis) ?? items?.[axis]
    // The same fact in two places: where they differ, the source is not what this understands.
    const differs = sizes.has(axis) && items !== null && items[axis] !== size
    if (size === undefined || differs) return null
    shape.push(size)
  }
  const rowMajor = isRowMajor(shape, strides)
  if (rowMajor === null) return null
  const bounds = new Map<number, DimSpec>()
  for (const axis of new Set([...least.keys(), ...most.keys()])) {
    bounds.set(axis, boundsOf(least.get(axis), most.get(axis)))
  }
  return { name, dtype: dtype as DType, shape, bounds, isRowMajor: rowMajor }
}

/** Sizes that are computed from other sizes before the model begins; null: in a way that this does not understand. */
function multiplesIn(source: string, symbols: ReadonlySet<string>): Map<string, number> | null {
  const begin = source.indexOf('steal_from_raw_handles_to_raii_handles(input_handles')
  const preamble = source.slice(begin, source.indexOf('inputs.clear();', begin))
  const multiples = new Map<string, number>()
  for (const [, symbol, value] of preamble.matchAll(/int64_t (\w+) = ([^;]+);/g)) {
    // Read from an input, or another name for one that is.
    if (symbols.has(symbol!) || symbols.has(value!)) continue
    const divided = /^\(1\.0\/(\d+)\.0\)\*(\w+)$/.exec(value!)
    if (!divided || !symbols.has(divided[2]!)) return null
    multiples.set(divided[2]!, Number(divided[1]))
  }
  return multiples
}

/**
 * Reads what a model takes from the input checks that AOTInductor generates (they run only with
 * `AOTI_RUNTIME_CHECK_INPUTS`, and then read the sizes before they look at the rank).
 *
 * @param source - the package's `wrapper.cpp`, as torch 2.13 writes it
 * @returns null where any input's check is missing or is not what is expected
 */
export function parseInputChecks(source: string): CompiledInputs | null {
  const names = [...source.matchAll(/inputs_info_\[(\d+)\]\.name = "(\w+)";/g)]
  const inputs: CompiledInput[] = []
  for (const [, index, name] of names) {
    const input = Number(index) === inputs.length ? parseInput(source, Number(index), name!) : null
    if (!input) return null
    inputs.push(input)
  }
  const dims: Record<string, DimSpec> = {}
  for (const { shape, bounds } of inputs) {
    shape.forEach((size, axis) => {
      if (/^[A-Za-z_]\w*$/.test(size)) dims[size] ??= bounds.get(axis) ?? { min: 0, max: null }
    })
  }
  const symbols = new Set(Object.keys(dims))
  const multiples = multiplesIn(source, symbols)
  if (!multiples) return null
  for (const [symbol, multiple] of multiples) {
    const { min, max } = dims[symbol]!
    dims[symbol] = { min: min <= 2 * multiple ? 0 : min, max, multiple_of: multiple }
  }
  const isUnderstood = (size: string): boolean =>
    /^[\w\s+\-*()]+$/.test(size) && [...size.matchAll(/[A-Za-z_]\w*/g)].every(([symbol]) => symbols.has(symbol))
  if (!inputs.every(({ shape }) => shape.every(isUnderstood))) return null
  return {
    inputs: inputs.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape: shape.map((size) => (/^\d+$/.test(size) ? Number(size) : size)),
    })),
    dims,
    notRowMajor: inputs.filter((input) => !input.isRowMajor).map(({ name }) => name),
  }
}
