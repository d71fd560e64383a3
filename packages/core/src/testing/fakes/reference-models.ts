import { TensorferryError } from '../../errors.ts'
import { elementAt } from '../../print.ts'
import { cloneTensor, elementCount, type Tensor, type Tensors, tensor } from '../../tensor.ts'

/** What a fixture computes, in plain TypeScript; `state` is the session's own and survives a run. */
export type ReferenceModel = (inputs: Tensors, state: { total: Float32Array | null }) => Tensors

type Floats = Tensor<'float32'>

function floats(inputs: Tensors, name: string): Floats {
  return inputs[name] as Floats
}

function mapped(value: Floats, change: (element: number, index: number) => number): Floats {
  return tensor('float32', value.data.map(change), value.shape)
}

/** Picks elements for every index of the result, given as coordinates. */
function gathered(value: Floats, shape: readonly number[], pick: (coordinates: readonly number[]) => number): Floats {
  const data = Float32Array.from({ length: elementCount(shape) }, (_, index) => {
    const coordinates: number[] = []
    let rest = index
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      coordinates.unshift(rest % shape[axis]!)
      rest = Math.floor(rest / shape[axis]!)
    }
    return value.data[pick(coordinates)]!
  })
  return tensor('float32', data, shape)
}

/** Turns the last axis round, three elements long, and widens to float32 where there are numbers. */
function reversedAndValue({ input }: Tensors): Tensors {
  const source = input!
  const count = source.data.length
  const mirrored = (index: number): number => index - (index % 3) + 2 - (index % 3)
  const data: unknown =
    source.dtype === 'string'
      ? source.data.map((_, index) => source.data[mirrored(index)]!)
      : (source.data as Float32Array).map((_, index) => source.data[mirrored(index)] as number)
  const reversed = { dtype: source.dtype, shape: source.shape, data } as Tensor
  if (source.dtype === 'string') return { reversed }
  const numbers = Float32Array.from({ length: count }, (_, index) => Number(elementAt(source, index)))
  return { reversed, value: tensor('float32', numbers, source.shape) }
}

const DTYPES = ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'] as const

/** By fixture name. */
export const referenceModels: Readonly<Record<string, ReferenceModel>> = {
  ...Object.fromEntries(DTYPES.map((dtype) => [dtype, reversedAndValue])),

  general: (inputs) => {
    const input = floats(inputs, 'input')
    const [batch, features] = input.shape as [number, number]
    const offset = floats(inputs, 'offset').data
    return {
      sum: mapped(input, (element, index) => element * 2 + offset[Math.floor(index / features)]!),
      stacked: tensor('float32', Float32Array.of(...input.data, ...input.data), [2 * batch, features]),
      paired: mapped(floats(inputs, 'pairs'), (element) => element + 2),
    }
  },

  upsample: (inputs) => {
    const input = floats(inputs, 'input')
    const [batch, , height, width] = input.shape as [number, number, number, number]
    const at = (image: number, row: number, column: number): number => (image * height + row) * width + column
    return {
      output: gathered(input, [batch, 1, 3 * height, 3 * width], ([image, , row, column]) =>
        at(image!, Math.floor(row! / 3), Math.floor(column! / 3)),
      ),
      columns: gathered(input, [batch, 1, height, Math.floor((width - 1) / 2) + 1], ([image, , row, column]) =>
        at(image!, row!, 2 * column!),
      ),
    }
  },

  scalar: ({ input, power }) => ({
    output: tensor('float32', [Number(input!.data[0]) ** Number(power!.data[0])], []),
    next: tensor('int64', [(power!.data[0] as bigint) + 1n], []),
  }),

  'zero-size': (inputs) => {
    const input = floats(inputs, 'input')
    const total = new Float32Array(3)
    input.data.forEach((element, index) => {
      total[index % 3]! += element
    })
    return { output: mapped(input, (element) => -element), total: tensor('float32', total, [3]) }
  },

  names: (inputs) => {
    const [one, other] = [floats(inputs, 'input.1'), floats(inputs, 'x y')]
    return {
      'output/0': mapped(one, (element, index) => element + other.data[index]!),
      '/layer/Sub:0': mapped(one, (element, index) => element - other.data[index]!),
    }
  },

  aliases: (inputs) => {
    const input = floats(inputs, 'input')
    return { same: cloneTensor(input), again: cloneTensor(input), doubled: mapped(input, (element) => 2 * element) }
  },

  states: (inputs) => {
    const state = floats(inputs, 'state')
    const next = mapped(floats(inputs, 'input'), (element, index) => element + state.data[index]!)
    return { output: mapped(next, (element) => 2 * element), next_state: next }
  },

  slow: (inputs) => ({ output: mapped(floats(inputs, 'input'), (element) => 2 * element) }),

  failing: (inputs) => {
    const table = floats(inputs, 'table').data
    const picks = Array.from(inputs.index!.data as BigInt64Array, Number)
    const outside = picks.find((index) => index >= table.length)
    if (outside !== undefined) {
      throw new TensorferryError('RUNTIME_FAILED', `index ${outside} of a table of ${table.length}`)
    }
    return {
      picked: tensor(
        'float32',
        picks.map((index) => table[index]!),
      ),
    }
  },

  'external-files': (inputs) => ({
    output: mapped(floats(inputs, 'input'), (element, index) => element * 2 ** index),
  }),

  accumulator: (inputs, state) => {
    const total = state.total ?? new Float32Array(2)
    state.total = total.map((element, index) => element + floats(inputs, 'input').data[index]!)
    return { sum: tensor('float32', state.total.slice(), [2]) }
  },
}
