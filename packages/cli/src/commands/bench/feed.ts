import { join } from 'node:path'
import {
  checkInputs,
  type Dim,
  type DType,
  readSafetensors,
  type Signature,
  type Tensor,
  TensorferryError,
  type TensorSpec,
  type Tensors,
  tensor,
  zeros,
} from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import type { BundleOnDisk } from '../../bundle/read.ts'

/** Sizes that the caller gave. */
export interface Sizes {
  readonly dims: Readonly<Record<string, number>>
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

/** Reads `--dim height=224` and `--shape image=1,3,224,224`. */
export function parseSizes(dims: readonly string[] = [], shapes: readonly string[] = []): Sizes {
  const split = (text: string, option: string): readonly [string, readonly number[]] => {
    const at = text.lastIndexOf('=')
    const sizes = text
      .slice(at + 1)
      .split(',')
      .map(Number)
    if (at < 1 || !sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new TensorferryError('OPTIONS_INVALID', `${option}: expected name=size, got ${JSON.stringify(text)}`)
    }
    return [text.slice(0, at), sizes]
  }
  return {
    dims: Object.fromEntries(dims.map((text) => split(text, '--dim')).map(([name, sizes]) => [name, sizes[0]!])),
    shapes: Object.fromEntries(shapes.map((text) => split(text, '--shape'))),
  }
}

/** The first golden's inputs: values that the model was meant for, and sizes that it takes. */
export async function firstGolden({ folder, manifest }: BundleOnDisk): Promise<Tensors> {
  const { goldens } = manifest
  if (!goldens) return {}
  const tensors = readSafetensors(new Uint8Array(await readRegular(join(folder, goldens.file.path))))
  const { name, steps } = goldens.cases[0]!
  const prefix = steps === undefined ? `${name}/inputs.` : `${name}/0/inputs.`
  return Object.fromEntries(
    [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  )
}

/** Whether a dim has a name, or is a further one of it in a bare file: `batch_2`. */
function isCalled(dim: Dim | undefined, name: string): boolean {
  return typeof dim === 'string' && (dim === name || dim.replace(/_\d+$/, '') === name)
}

/** Name of the dim that stands first in every input; null: the model has no batch axis. */
export function batchDim({ dims, inputs }: Pick<Signature, 'dims' | 'inputs'>): string | null {
  const marked = Object.entries(dims).find(([, { batch }]) => batch)?.[0]
  if (marked !== undefined) return marked
  const first = inputs[0]?.shape?.[0]
  const isShared = typeof first === 'string' && inputs.every(({ shape }) => isCalled(shape?.[0], first))
  return isShared ? first : null
}

/** The golden's elements again and again; without one, numbers from 0 to 1, and ones for integers. */
function fill(dtype: DType, shape: readonly number[], golden: Tensor | undefined): Tensor {
  const length = shape.reduce((product, size) => product * size, 1)
  const empty = zeros(dtype, shape)
  if (golden && golden.dtype === dtype && golden.data.length > 0) {
    const data = empty.data as { [index: number]: unknown }
    for (let i = 0; i < length; i++) data[i] = golden.data[i % golden.data.length]
    return empty
  }
  if (dtype === 'string')
    return tensor(
      'string',
      Array.from({ length }, () => 'a'),
      shape,
    )
  if (dtype.includes('float')) {
    // A fixed sequence: the same numbers in every run.
    let state = 1
    const next = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    return tensor(dtype as 'float32', Array.from({ length }, next), shape)
  }
  return tensor(
    dtype as 'int32',
    Array.from({ length }, () => 1),
    shape,
  )
}

/**
 * Makes inputs of a batch.
 *
 * @param golden - the first golden's inputs, or none
 * @throws TensorferryError `OPTIONS_INVALID` for a size that nobody says
 */
export function makeFeed(
  signature: Pick<Signature, 'dims' | 'inputs'>,
  batch: number,
  sizes: Sizes,
  golden: Tensors,
): Tensors {
  const known =
    Object.keys(golden).length > 0
      ? checkInputs({ inputs: signature.inputs.filter(({ name }) => name in golden), dims: {} }, golden)
      : {}
  const named = batchDim(signature)
  const bound: Record<string, number> = { ...known, ...sizes.dims, ...(named === null ? {} : { [named]: batch }) }
  const sizeOf = (spec: TensorSpec, axis: number): number => {
    const dim = spec.shape![axis]!
    if (typeof dim === 'number') return dim
    // A further dim of a name in a bare file has the size of the first, unless it is given one.
    const size = dim === null ? golden[spec.name]?.shape[axis] : (bound[dim] ?? bound[dim.replace(/_\d+$/, '')])
    if (size !== undefined) return size
    throw new TensorferryError(
      'OPTIONS_INVALID',
      dim === null
        ? `${spec.name}: the size of axis ${axis} is not known; say --shape ${spec.name}=…`
        : `${spec.name}: the size of ${dim} is not known; say --dim ${dim}=… or --shape ${spec.name}=…`,
    )
  }
  const feed: Record<string, Tensor> = {}
  for (const spec of signature.inputs) {
    const given = sizes.shapes[spec.name]
    const shape = given
      ? given.map((size, axis) => (axis === 0 && named !== null ? batch : size))
      : spec.shape === null
        ? null
        : spec.shape.map((_, axis) => sizeOf(spec, axis))
    if (shape === null)
      throw new TensorferryError('OPTIONS_INVALID', `${spec.name}: its rank is not known; say --shape ${spec.name}=…`)
    feed[spec.name] = fill(spec.dtype ?? 'float32', shape, golden[spec.name])
  }
  return feed
}
