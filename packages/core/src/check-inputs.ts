import { isDimName, parseDim } from './dims.ts'
import { DTYPES } from './dtype.ts'
import { TensorferryError } from './errors.ts'
import type { DimSpec, Signature, TensorSpec } from './signature.ts'
import { tagOf } from './tag-of.ts'
import { elementCount, type Tensor, type Tensors } from './tensor.ts'

/** What {@link checkInputs} reads of a signature. */
export type CheckedSignature = Pick<Signature, 'inputs'> & Partial<Pick<Signature, 'dims'>>

const NO_DIMS: Readonly<Record<string, DimSpec>> = {}

function describe(spec: TensorSpec): string {
  const shape = spec.shape === null ? '' : `[${spec.shape.map((dim) => dim ?? '?').join(', ')}]`
  return `${spec.dtype ?? 'tensor'}${shape}`
}

function fail(name: string, expected: string, got: string, advice: string, details: Record<string, unknown>): never {
  throw new TensorferryError(
    'INPUT_INVALID',
    `${name}: expected ${expected}, got ${got}${advice ? `; ${advice}` : ''}`,
    {
      details: { input: name, ...details },
    },
  )
}

function checkTensor(spec: TensorSpec, value: Tensor): void {
  const { name } = spec
  if (typeof value !== 'object' || value === null || !('dtype' in value) || !Array.isArray(value.shape)) {
    const got = (value as object | null)?.constructor?.name ?? String(value)
    const shape = spec.shape?.map((dim) => (typeof dim === 'number' ? dim : 1)) ?? [1]
    const call = `tensor('${spec.dtype ?? 'float32'}', data, [${shape.join(', ')}])`
    fail(name, describe(spec), got, `make a tensor of numbers with ${call}`, {})
  }
  const info = DTYPES[value.dtype]
  if (!info) fail(name, describe(spec), `dtype ${JSON.stringify(value.dtype)}`, '', { dtype: value.dtype })
  const holds = info.array === null ? Array.isArray(value.data) : tagOf(value.data) === info.array.name
  if (!holds) {
    const got = (value.data as object | undefined)?.constructor?.name ?? typeof value.data
    const stored = info.array?.name ?? 'an array of strings'
    fail(name, `${value.dtype} data in ${stored}`, got, 'tensor() converts', { dtype: value.dtype })
  }
  if (spec.dtype !== null && value.dtype !== spec.dtype) {
    fail(name, describe(spec), `${value.dtype}[${value.shape.join(', ')}]`, `convert the data to ${spec.dtype}`, {
      expected: spec.dtype,
      dtype: value.dtype,
    })
  }
  for (const size of value.shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      fail(name, 'a shape of non-negative integers', `[${value.shape.join(', ')}]`, '', { shape: value.shape })
    }
  }
  if (value.data.length !== elementCount(value.shape)) {
    fail(
      name,
      `${elementCount(value.shape)} elements for shape [${value.shape.join(', ')}]`,
      `${value.data.length}`,
      '',
      { shape: value.shape, length: value.data.length },
    )
  }
  if (spec.shape !== null && spec.shape.length !== value.shape.length) {
    fail(
      name,
      describe(spec),
      `[${value.shape.join(', ')}]`,
      `it takes ${spec.shape.length} dimensions, this has ${value.shape.length}`,
      { expected: spec.shape, shape: value.shape },
    )
  }
}

function checkRange(
  dim: string,
  size: number,
  range: DimSpec | undefined,
  where: string,
  shape: readonly number[],
): void {
  if (!range) return
  const max = range.max ?? Number.POSITIVE_INFINITY
  const fits = size >= range.min && size <= max && size % (range.multiple_of ?? 1) === 0
  if (fits) return
  const bounds = range.max === null ? `at least ${range.min}` : `${range.min} to ${range.max}`
  const step = range.multiple_of ? `, a multiple of ${range.multiple_of}` : ''
  fail(where, `${dim} of ${bounds}${step}`, `${size} in [${shape.join(', ')}]`, '', { dim, size, range })
}

/**
 * Validates inputs before any runtime sees them: runtimes do not check, or read past the buffer.
 * Names, dtype, storage class, rank, every dim against its size, its range and its expression.
 *
 * @param signature - the model's `inputs`, and `dims` with the ranges of names
 * @param inputs - tensors by input name
 * @returns the size each dim name is bound to
 * @throws TensorferryError `INPUT_INVALID` naming the input, what was expected, and what came
 */
export function checkInputs(signature: CheckedSignature, inputs: Tensors): Record<string, number> {
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `expected an object of tensors by input name (${signature.inputs.map((spec) => spec.name).join(', ')}), got ${inputs === null ? 'null' : Array.isArray(inputs) ? 'an array' : typeof inputs}`,
    )
  }
  const dims = signature.dims ?? NO_DIMS
  const bound: Record<string, number> = {}
  let given = 0
  let expressions: (() => void)[] | undefined

  for (const spec of signature.inputs) {
    if (!Object.hasOwn(inputs, spec.name) || inputs[spec.name] === undefined) {
      const names = Object.keys(inputs)
      const isTensor = names.includes('dtype') && names.includes('shape')
      const advice = isTensor ? `pass { ${spec.name}: tensor }` : `given: ${names.join(', ') || 'no inputs'}`
      fail(spec.name, describe(spec), isTensor ? 'a tensor' : 'nothing', advice, { given: names })
    }
    given++
    const value = inputs[spec.name]!
    checkTensor(spec, value)
    if (spec.shape === null) continue
    for (let axis = 0; axis < spec.shape.length; axis++) {
      const dim = spec.shape[axis]!
      const size = value.shape[axis]!
      if (dim === null) continue
      if (typeof dim === 'number') {
        if (dim !== size) {
          fail(spec.name, describe(spec), `[${value.shape.join(', ')}]`, `axis ${axis} must be ${dim}`, {
            expected: spec.shape,
            shape: value.shape,
            axis,
          })
        }
      } else if (isDimName(dim)) {
        const earlier = bound[dim]
        if (earlier !== undefined && earlier !== size) {
          fail(
            spec.name,
            `${dim} = ${earlier} as in the inputs before it`,
            `${size} in [${value.shape.join(', ')}]`,
            '',
            {
              dim,
              expected: earlier,
              size,
              axis,
            },
          )
        }
        bound[dim] = size
        checkRange(dim, size, dims[dim], spec.name, value.shape)
      } else {
        expressions ??= []
        expressions.push(() => {
          const expected = parseDim(dim).evaluate(bound)
          if (Number.isNaN(expected) || expected === size) return
          fail(spec.name, `${dim} = ${expected}`, `${size} in [${value.shape.join(', ')}]`, '', {
            dim,
            expected,
            size,
            axis,
          })
        })
      }
    }
  }

  const names = Object.keys(inputs)
  if (names.length > given) {
    const known = signature.inputs.map((spec) => spec.name)
    const extra = names.filter((name) => !known.includes(name))
    if (extra.length > 0) {
      throw new TensorferryError(
        'INPUT_INVALID',
        `unknown input ${extra.map((name) => JSON.stringify(name)).join(', ')}; this model takes ${known.join(', ')}`,
        { details: { unknown: extra, known } },
      )
    }
  }
  if (expressions) for (const check of expressions) check()
  return bound
}
