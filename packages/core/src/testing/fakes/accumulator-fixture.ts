import { tensor } from '../../tensor.ts'
import { type EmbeddedFixture, embeddedFixture } from '../embedded.ts'

const text = 'tensorferry reference model: accumulator\n'

const embedded: EmbeddedFixture = {
  signature: {
    dims: {},
    inputs: [{ name: 'input', dtype: 'float32', shape: [2] }],
    outputs: [{ name: 'sum', dtype: 'float32', shape: [2] }],
    states: [],
  },
  requires: {},
  files: [
    {
      path: 'model.txt',
      size: text.length,
      sha256: 'b3c722bd76b1c27497f5f31929ca9f5c590ebc781127b0921fdf54f846200353',
      base64: btoa(text),
    },
  ],
  goldens: [
    { name: 'step 1', inputs: { input: tensor('float32', [1, 2]) }, outputs: { sum: tensor('float32', [1, 2]) } },
    { name: 'step 2', inputs: { input: tensor('float32', [10, 20]) }, outputs: { sum: tensor('float32', [11, 22]) } },
  ],
}

/** A model that remembers: no ONNX file can, so this one is known to the reference backend alone. */
export const accumulatorFixture = embeddedFixture({
  name: 'accumulator',
  format: 'onnx',
  traits: ['goldens', 'inner-state'],
  dtypes: ['float32'],
  read: async () => embedded,
})
