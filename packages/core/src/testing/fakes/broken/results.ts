import { cloneTensor, type Tensor, type Tensors } from '../../../tensor.ts'
import { type BrokenBackend, brokenBackend, withOutputs } from '../broken-backend.ts'

const GOLDENS = 'equals the goldens'
const PLAIN = 'gives the declared names and dtypes, as plain data'
const INPUTS_KEPT = 'leaves its inputs unchanged'
const OTHER_SIZES = 'takes other sizes on every run'
const VIEWS = 'reads an input that is a view into a larger buffer'
const SNAPSHOT = 'computes with the inputs as they were when run was called'
const OUTPUTS_ALONE = 'gives outputs that share memory with nothing'

function mapTensors(tensors: Tensors, change: (value: Tensor, name: string) => Tensor): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, change(value, name)]))
}

/** Backends whose outputs are wrong, or whose memory is not the caller's. */
export const brokenResults: readonly BrokenBackend[] = [
  brokenBackend('carries int64 as numbers', [GOLDENS], {
    session: withOutputs((outputs) =>
      mapTensors(outputs, (value) =>
        value.dtype === 'int64' ? { ...value, data: value.data.map((element) => BigInt(Number(element))) } : value,
      ),
    ),
  }),
  brokenBackend('gives a scalar the shape [1]', [GOLDENS], {
    session: withOutputs((outputs) =>
      mapTensors(outputs, (value) => (value.shape.length === 0 ? { ...value, shape: [1] } : value)),
    ),
  }),
  brokenBackend('fails on the third size it sees', [OTHER_SIZES], {
    session(inner) {
      const sizes: string[] = []
      return {
        async run(inputs, options) {
          const outputs = await inner.run(inputs, options)
          const size = inputs.input?.shape.length === 4 ? inputs.input.shape.join() : ''
          sizes.push(size)
          const stale = size !== '' && sizes.length > 3
          return stale ? mapTensors(outputs, (value) => ({ ...value, shape: [1, ...value.shape] })) : outputs
        },
      }
    },
  }),
  brokenBackend('gives tensors with a method', [PLAIN], {
    session: withOutputs((outputs) => mapTensors(outputs, (value) => ({ ...value, dispose() {} }))),
  }),
  brokenBackend('gives instances of a class', [PLAIN], {
    session: withOutputs((outputs) => {
      class RuntimeTensor {
        constructor(value: Tensor) {
          Object.assign(this, value)
        }
      }
      return mapTensors(outputs, (value) => new RuntimeTensor(value) as Tensor)
    }),
  }),
  brokenBackend('binds inputs by position', ['binds inputs by name, whatever the order of the keys'], {
    session: (inner) => ({
      async run(inputs, options) {
        const complete =
          Object.keys(inputs ?? {})
            .sort()
            .join() ===
          inner.inputs
            .map(({ name }) => name)
            .sort()
            .join()
        if (!complete) return inner.run(inputs, options)
        const values = Object.values(inputs)
        const bound = Object.fromEntries(inner.inputs.map(({ name }, index) => [name, values[index]!]))
        return inner.run(bound, options)
      },
    }),
  }),
  brokenBackend('wears out after its third run', ['gives the same answer to the same inputs', OTHER_SIZES], {
    session(inner) {
      let runs = 0
      return {
        async run(inputs, options) {
          const outputs = await inner.run(inputs, options)
          // Not for the sizes that the cases of concurrency use: they have rules of their own.
          const worn = 'paired' in outputs && ++runs > 3 && inputs.input!.shape[1] === 4
          return worn ? { ...outputs, paired: outputs.sum! } : outputs
        },
      }
    },
  }),
  brokenBackend('cuts strings at NUL', ['keeps a string whole that holds a NUL, or refuses it'], {
    session: withOutputs((outputs) =>
      mapTensors(outputs, (value) =>
        value.dtype === 'string' ? { ...value, data: value.data.map((element) => element.split('\0')[0]!) } : value,
      ),
    ),
  }),
  brokenBackend('computes in the memory of its inputs', [INPUTS_KEPT, VIEWS, OUTPUTS_ALONE], {
    session: withOutputs((outputs, inputs) => {
      for (const value of Object.values(inputs)) if (value.dtype === 'float32') value.data.fill(0)
      return outputs
    }),
  }),
  brokenBackend('transfers the buffers of its inputs', [INPUTS_KEPT, VIEWS, OUTPUTS_ALONE], {
    session: (inner) => ({
      async run(inputs, options) {
        const outputs = await inner.run(inputs, options)
        for (const { data } of Object.values(inputs)) {
          if ('buffer' in data) structuredClone(null, { transfer: [data.buffer] })
        }
        return outputs
      },
    }),
  }),
  brokenBackend('reads a view from the start of its buffer', [VIEWS], {
    session: (inner) => ({
      run: async (inputs, options) =>
        inner.run(
          inputs?.input?.dtype === 'float32' && inputs.input.data?.byteOffset > 0
            ? mapTensors(inputs, (value) => {
                const { data } = value as Tensor<'float32'>
                return { ...value, data: new Float32Array(data.buffer, 0, data.length) } as Tensor
              })
            : inputs,
          options,
        ),
    }),
  }),
  brokenBackend('reads its inputs a moment later', [SNAPSHOT], {
    session: (inner) => ({
      run: async (inputs, options) => {
        await Promise.resolve()
        return inner.run(inputs, options)
      },
    }),
  }),
  brokenBackend('gives its input back as an output', [OUTPUTS_ALONE], {
    session: withOutputs((outputs, inputs) =>
      // With memory of its own whenever the array was changed in the meantime, so that one rule breaks.
      'same' in outputs && inputs.input!.data[0] === outputs.same!.data[0]
        ? { ...outputs, same: inputs.input! }
        : outputs,
    ),
  }),
  brokenBackend('gives two outputs in one memory', [OUTPUTS_ALONE], {
    session: withOutputs((outputs) => ('same' in outputs ? { ...outputs, again: outputs.same! } : outputs)),
  }),
  brokenBackend('uses the memory of its outputs again', [SNAPSHOT, OUTPUTS_ALONE], {
    session(inner) {
      let memory: Float32Array<ArrayBuffer> | null = null
      return withOutputs((outputs) => {
        if (!('doubled' in outputs)) return outputs
        memory ??= new Float32Array(4)
        memory.set((outputs.doubled as Tensor<'float32'>).data)
        return { ...outputs, doubled: { ...cloneTensor(outputs.doubled as Tensor<'float32'>), data: memory } }
      })(inner)
    },
  }),
]
