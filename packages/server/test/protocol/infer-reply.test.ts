import { type Tensor, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { classify } from '../../src/protocol/classification.ts'
import { encodeInferReply, selectOutputs } from '../../src/protocol/infer-reply.ts'

const output = (name: string, value: Tensor, binary = false) => ({ name, tensor: value, binary })
const floats = tensor('float32', [0.1, -2], [1, 2])

describe('bodies', () => {
  test('JSON', () => {
    const outputs = [output('a "b"', floats), output('é', tensor('string', ['ü'], [1]))]
    const { body, headerBytes } = encodeInferReply({ model: 'm', version: '1', id: 'ï', outputs })
    expect(headerBytes).toBeNull()
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      id: 'ï',
      model_name: 'm',
      model_version: '1',
      outputs: [
        { name: 'a "b"', datatype: 'FP32', shape: [1, 2], data: [0.1, -2] },
        { name: 'é', datatype: 'BYTES', shape: [1], data: ['ü'] },
      ],
    })
  })

  test('binary tensors behind the JSON, in the order of the outputs', () => {
    const outputs = [
      output('a', floats, true),
      output('b', tensor('int32', [5])),
      output('c', tensor('string', ['hé']), true),
    ]
    const { body, headerBytes } = encodeInferReply({ model: 'm', version: '1', id: null, outputs })
    const head = JSON.parse(Buffer.from(body.subarray(0, headerBytes!)).toString())
    expect(head.outputs).toEqual([
      { name: 'a', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
      { name: 'b', datatype: 'INT32', shape: [1], data: [5] },
      { name: 'c', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 7 } },
    ])
    const rest = Buffer.from(body.subarray(headerBytes!))
    expect([rest.readFloatLE(0), rest.readFloatLE(4)]).toEqual([Math.fround(0.1), -2])
    expect(rest.subarray(8)).toEqual(Buffer.from([3, 0, 0, 0, 0x68, 0xc3, 0xa9]))
  })

  test('no outputs at all', () => {
    const { body } = encodeInferReply({ model: 'm', version: '1', id: null, outputs: [] })
    expect(JSON.parse(Buffer.from(body).toString()).outputs).toEqual([])
  })
})

test('outputs come in the order of the request; unknown ones are refused', () => {
  const outputs = { a: floats, b: floats }
  const wanted = (...names: string[]) => names.map((name) => ({ name, binary: true, classes: 0 }))
  const select = (names: string[]) =>
    selectOutputs({ outputs: wanted(...names), binaryOutput: false }, outputs, null).map(({ name }) => name)
  expect(select(['b', 'a'])).toEqual(['b', 'a'])
  expect(() => select(['toString'])).toThrow('unknown output "toString"')
  expect(selectOutputs({ outputs: null, binaryOutput: true }, outputs, null)).toMatchObject([
    { name: 'a', binary: true },
    { name: 'b', binary: true },
  ])
})

describe('classification', () => {
  test('the best of each row, the earlier first among equals, with labels', () => {
    const scores = tensor('float32', [0.1, 0.7, 0.7, -1, 5, Number.NaN], [2, 3])
    expect(classify(scores, 2, ['a', 'b:c', 'd'], 'x')).toMatchObject({
      dtype: 'string',
      shape: [2, 2],
      data: ['0.7:1:b:c', '0.7:2:d', '5:1:b:c', '-1:0:a'],
    })
  })

  test('one axis, more than there are, other dtypes', () => {
    expect(classify(tensor('int64', [1n, 9007199254740993n]), 9, null, 'x')).toMatchObject({
      shape: [2],
      data: ['9007199254740993:1', '1:0'],
    })
    expect(classify(tensor('float16', [0.5, 0.25]), 1, null, 'x').data).toEqual(['0.5:0'])
    expect(classify(tensor('float32', [], [0, 3]), 2, null, 'x').shape).toEqual([0, 0])
    expect(() => classify(tensor('string', ['a']), 1, null, 'x')).toThrow('x: classification of a BYTES output')
  })
})
