import { type ServiceError, status } from '@grpc/grpc-js'
import type { ModelInferResponse } from '@tensorferry/inference-protocol/grpc-messages'
import { describe, expect, test } from 'vitest'
import { rawClient } from './raw-client.ts'
import { fixtureModel, startServer } from './start-server.ts'

const raw = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

async function clientFor(...models: string[]) {
  const { address } = await startServer({ models: await Promise.all(models.map(fixtureModel)) })
  return rawClient(address)
}

const input = (datatype: string, contents?: object) => ({ name: 'input', datatype, shape: [1, 3], contents })

describe('typed contents', () => {
  test.each([
    ['float32', { fp32_contents: [1, -2.5, 3] }, new Float32Array([3, -2.5, 1])],
    ['float64', { fp64_contents: [1e300, -2, 0.1] }, new Float64Array([0.1, -2, 1e300])],
    ['int64', { int64_contents: ['9007199254740993', -2, 3] }, new BigInt64Array([3n, -2n, 9007199254740993n])],
    ['int32', { int_contents: [1, -2, 2147483647] }, new Int32Array([2147483647, -2, 1])],
    ['int16', { int_contents: [1, -32768, 3] }, new Int16Array([3, -32768, 1])],
    ['int8', { int_contents: [1, -128, 3] }, new Int8Array([3, -128, 1])],
    ['uint8', { uint_contents: [1, 255, 3] }, new Uint8Array([3, 255, 1])],
    ['bool', { bool_contents: [true, false, false] }, new Uint8Array([0, 0, 1])],
  ] as const)('%s', async (name, contents, expected) => {
    const client = await clientFor(name)
    const datatypes = { float32: 'FP32', float64: 'FP64', bool: 'BOOL' } as Record<string, string>
    const response = await client.call<ModelInferResponse>('ModelInfer', {
      model_name: name,
      inputs: [input(datatypes[name] ?? name.toUpperCase(), contents)],
    })
    const place = response.outputs.findIndex((output) => output.name === 'reversed')
    expect(response.outputs[place]!.shape).toEqual(['1', '3'])
    expect(response.outputs[place]!.contents).toBeNull()
    expect([...response.raw_output_contents[place]!]).toEqual([...raw(expected)])
  })

  test('strings', async () => {
    const client = await clientFor('string')
    const texts = ['a', '', 'grüße'].map((text) => new TextEncoder().encode(text))
    const { raw_output_contents } = await client.call<ModelInferResponse>('ModelInfer', {
      model_name: 'string',
      inputs: [input('BYTES', { bytes_contents: texts })],
    })
    expect(Buffer.from(raw_output_contents[0]!).toString('latin1')).toBe(
      Buffer.from('\x07\0\0\0grüße\0\0\0\0\x01\0\0\0a').toString('latin1'),
    )
  })
})

test('float16 travels raw, bit by bit', async () => {
  const client = await clientFor('float16')
  const bits = new Uint16Array([0x3c00, 0x0001, 0x7bff])
  const response = await client.call<ModelInferResponse>('ModelInfer', {
    model_name: 'float16',
    inputs: [input('FP16')],
    raw_input_contents: [raw(bits)],
  })
  const place = response.outputs.findIndex(({ name }) => name === 'reversed')
  expect(response.outputs[place]!.datatype).toBe('FP16')
  expect([...response.raw_output_contents[place]!]).toEqual([...raw(bits.reverse())])
})

test.each([
  ['a datatype that is not known', { inputs: [input('UINT32')], raw_input_contents: [new Uint8Array(12)] }, /UINT32/],
  ['too few bytes', { inputs: [input('FP32')], raw_input_contents: [new Uint8Array(11)] }, /takes 12 bytes, got 11/],
  ['raw contents for none of two', { inputs: [], raw_input_contents: [new Uint8Array(1)] }, /for all of the 0 inputs/],
  [
    'a field of another type',
    { inputs: [input('FP32', { int_contents: [1, 2, 3] })] },
    /int_contents is not the field/,
  ],
  ['both kinds', { inputs: [input('FP32', { fp32_contents: [1] })], raw_input_contents: [new Uint8Array(12)] }, /both/],
  [
    'an input twice',
    { inputs: [input('FP32', { fp32_contents: [1, 2, 3] }), input('FP32', { fp32_contents: [1, 2, 3] })] },
    /twice/,
  ],
  [
    'a shape beyond all memory',
    { inputs: [{ ...input('FP32'), shape: [2 ** 30, 2 ** 30] }], raw_input_contents: [new Uint8Array(8)] },
    /takes 46116860184273\d+ bytes, got 8/,
  ],
  [
    'a negative size',
    { inputs: [{ ...input('FP32'), shape: [-1, 3] }], raw_input_contents: [new Uint8Array(12)] },
    /non-negative/,
  ],
  [
    'strings past their end',
    { inputs: [input('BYTES')], raw_input_contents: [raw(new Uint32Array([100]))] },
    /past the end/,
  ],
] as const)('%s is INVALID_ARGUMENT', async (_, request, text) => {
  const client = await clientFor('float32')
  const error = await client.call('ModelInfer', { model_name: 'float32', ...request }).then(
    () => expect.fail('it was accepted'),
    (thrown: ServiceError) => thrown,
  )
  expect(error.code).toBe(status.INVALID_ARGUMENT)
  expect(error.details).toMatch(text)
  expect(error.metadata.get('tensorferry-code')).toEqual(['INPUT_INVALID'])
})
