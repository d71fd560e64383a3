import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type BackendFeatures, casesFor, fixturesFor } from '@tensorferry/core/testing'
import { describe, test } from 'vitest'

const features: BackendFeatures = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'],
}

describe.each([
  { name: 'onnx-node', backend: onnxNode(), features },
  { name: 'onnx-node inline', backend: onnxNode({ execution: 'inline' }), features: { ...features, offThread: false } },
])('$name', (context) => {
  describe.each(fixturesFor('onnx', context.features))('$name', (fixture) => {
    test.each(casesFor(fixture, context.features))('$name', ({ run }) => run(context, fixture))
  })
})
