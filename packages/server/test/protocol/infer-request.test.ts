import { TensorferryError } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { readInferRequest } from '../../src/protocol/infer-request.ts'

const encode = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const read = (value: unknown, headerBytes: number | null = null) => readInferRequest(encode(value), headerBytes)
const input = (datatype: string, shape: readonly unknown[], data: unknown) =>
  read({ inputs: [{ name: 'x', datatype, shape, data }] }).inputs.x!

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(TensorferryError.is(error, 'INPUT_INVALID')).toBe(true)
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('JSON data', () => {
  test.each([
    ['FP32', [0.1, '-Infinity', 'NaN'], Float32Array.of(0.1, Number.NEGATIVE_INFINITY, Number.NaN)],
    ['FP64', [0.1, 1e300], Float64Array.of(0.1, 1e300)],
    ['FP16', [0.1, 65504], Uint16Array.of(0x2e66, 0x7bff)],
    ['BF16', [1, -2], Uint16Array.of(0x3f80, 0xc000)],
    ['INT64', [1, '-9223372036854775808'], BigInt64Array.of(1n, -(2n ** 63n))],
    ['INT32', [-2147483648, 5], Int32Array.of(-2147483648, 5)],
    ['INT16', [-32768], Int16Array.of(-32768)],
    ['INT8', [127], Int8Array.of(127)],
    ['UINT8', [255], Uint8Array.of(255)],
    ['BOOL', [true, false, 1, 0], Uint8Array.of(1, 0, 1, 0)],
    ['BYTES', ['é', ''], ['é', '']],
  ] as const)('%s', (datatype, data, expected) => {
    expect(input(datatype, [data.length], data).data).toEqual(expected)
  })

  test('integers beyond 2^53 keep their digits, beside strings that hold digits', () => {
    const body =
      '{"id":"9007199254740993","inputs":[{"name":"x","datatype":"INT64","shape":[2,1],"data":[[9007199254740993],[-9223372036854775807]]},' +
      '{"name":"y","datatype":"FP32","shape":[1],"data":[12345678901234567890]},' +
      '{"name":"z","datatype":"BYTES","shape":[1],"data":["a\\"9007199254740993"]}]}'
    const { id, inputs } = read(body)
    expect(id).toBe('9007199254740993')
    expect(inputs.x!.data).toEqual(BigInt64Array.of(9007199254740993n, -9223372036854775807n))
    expect(inputs.y!.data).toEqual(Float32Array.of(12345678901234567000))
    expect(inputs.z!.data).toEqual(['a"9007199254740993'])
  })

  test('nested as the shape, flat, or a bare scalar', () => {
    const expected = Float32Array.of(1, 2, 3, 4)
    expect(
      input(
        'FP32',
        [2, 2],
        [
          [1, 2],
          [3, 4],
        ],
      ).data,
    ).toEqual(expected)
    expect(input('FP32', [2, 2], [1, 2, 3, 4]).data).toEqual(expected)
    expect(input('FP32', [], 7)).toMatchObject({ shape: [], data: Float32Array.of(7) })
    expect(input('FP32', [0, 3], []).data).toHaveLength(0)
  })

  test.each([
    ['FP32', [2], [1, null], 'element 1 of FP32 data is null, expected a number, or "NaN", "Infinity", "-Infinity"'],
    ['FP32', [1], [3.5e38], 'element 0 of FP32 data is 3.5e+38, expected a number of at most 3.4028235e38'],
    ['FP16', [1], [65520], 'element 0 of FP16 data is 65520, expected a number in the range of FP16'],
    ['INT8', [1], [128], 'element 0 of INT8 data is 128, expected a whole number from -128 to 127'],
    ['INT32', [1], [1.5], 'element 0 of INT32 data is 1.5, expected a whole number from -2147483648 to 2147483647'],
    [
      'INT64',
      [1],
      ['9223372036854775808'],
      'element 0 of INT64 data is "9223372036854775808", expected a whole number',
    ],
    ['BOOL', [1], [2], 'element 0 of BOOL data is 2, expected true or false'],
    ['BYTES', [1], [1], 'element 0 of BYTES data is 1, expected a string'],
    ['UINT32', [1], [1], 'datatype "UINT32" is not known here'],
    ['FP32', [2, 2], [[1, 2], [3]], 'nested data does not fit shape [2, 2]: on axis 1 it has an array of 1'],
    ['FP32', [2, 2], [[1, 2], 3], 'nested data does not fit shape [2, 2]: on axis 1 it has 3'],
    ['FP32', [3], [1, 2], 'shape [3] holds 3 elements, got 2'],
    ['FP32', [2 ** 60], [1], 'expected a shape of non-negative integers, got [1152921504606847000]'],
    ['FP32', [2 ** 30, 2 ** 30], [1], 'shape [1073741824, 1073741824] holds 1152921504606847000 elements, got 1'],
    ['FP32', [-1], [], 'expected a shape of non-negative integers, got [-1]'],
    ['FP32', [1.5], [1], 'expected a shape of non-negative integers, got [1.5]'],
    ['FP32', ['1'], [1], 'expected "shape" to be an array of numbers'],
    ['FP32', [1], 'x', 'expected "data" to be an array, got "x"'],
    ['FP32', new Array(65).fill(1), [1], 'expected at most 64 axes, got 65'],
  ])('%s of shape %j refuses %j', (datatype, shape, data, message) => {
    expect(refusal(() => input(datatype, shape, data))).toContain(`x: ${message}`)
  })

  test('an array 10 000 deep is refused by its shape, not by the stack', () => {
    const deep = `${'['.repeat(10_000)}1${']'.repeat(10_000)}`
    const body = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":${deep}}]}`
    expect(refusal(() => read(body))).toContain('element 0 of FP32 data is')
    expect(refusal(() => read(`{"inputs":${deep}}`))).toContain('inputs[0]: expected an object')
    expect(refusal(() => read(deep))).toContain('expected the body to be a JSON object')
  })
})

describe('binary data', () => {
  const withBinary = (inputs: readonly object[], bytes: Uint8Array): [Buffer, number] => {
    const head = encode({ inputs })
    return [Buffer.concat([head, bytes]), head.length]
  }
  const raw = (name: string, shape: readonly number[], datatype: string, size: number) => ({
    name,
    shape,
    datatype,
    parameters: { binary_data_size: size },
  })

  test('follows the JSON in the order of the inputs, beside JSON data', () => {
    const floats = Float32Array.of(0.1, -2)
    const bytes = Buffer.concat([
      Buffer.from(floats.buffer),
      Buffer.from([3, 0, 0, 0]),
      Buffer.from('a€'.slice(0, 1)),
      Buffer.from('\u00e9'),
    ])
    const [body, head] = withBinary(
      [raw('x', [2], 'FP32', 8), { name: 'y', shape: [1], datatype: 'INT32', data: [5] }, raw('z', [1], 'BYTES', 7)],
      bytes,
    )
    const { inputs } = readInferRequest(body, head)
    expect(inputs.x!.data).toEqual(floats)
    expect(inputs.y!.data).toEqual(Int32Array.of(5))
    expect(inputs.z!.data).toEqual(['aé'])
  })

  test.each([
    ['too few bytes', [raw('x', [2], 'FP32', 8)], 4, 'x: binary_data_size is 8, the body has 4 bytes left'],
    ['too many', [raw('x', [1], 'FP32', 4)], 9, 'the body has 5 bytes more than its inputs'],
    ['another size than the shape', [raw('x', [2], 'FP32', 4)], 4, 'x: FP32 of shape [2] takes 8 bytes, got 4'],
    ['a size that is no count', [raw('x', [1], 'FP32', -4)], 4, 'parameter binary_data_size to be a whole number'],
    ['a BOOL of 7', [raw('x', [1], 'BOOL', 1)], 1, 'element 0 of BOOL is 7, expected 0 or 1'],
    ['both forms', [{ ...raw('x', [1], 'FP32', 4), data: [1] }], 4, 'x: it has "data" and binary_data_size'],
  ])('%s', (_, inputs, bytes, message) => {
    const [body, head] = withBinary(inputs, new Uint8Array(bytes).fill(7))
    expect(refusal(() => readInferRequest(body, head))).toContain(message)
  })

  test('sizes without the header, and a header beyond the body', () => {
    const body = encode({ inputs: [raw('x', [1], 'FP32', 4)] })
    expect(refusal(() => readInferRequest(body, null))).toContain('without the header Inference-Header-Content-Length')
    expect(refusal(() => readInferRequest(body, 10_000))).toContain('Inference-Header-Content-Length is 10000')
  })
})

describe('the rest of a request', () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }]

  test('id, timeout and outputs', () => {
    const outputs = [{ name: 'a', parameters: { binary_data: false, classification: 3 } }, { name: 'b' }]
    const parameters = { timeout: 2500, binary_data_output: true, priority: 1 }
    expect(read({ id: '42', parameters, inputs, outputs })).toMatchObject({
      id: '42',
      timeoutMs: 2.5,
      binaryOutput: true,
      outputs: [
        { name: 'a', binary: false, classes: 3 },
        { name: 'b', binary: true, classes: 0 },
      ],
    })
    expect(read({ inputs })).toMatchObject({ id: null, timeoutMs: null, binaryOutput: false, outputs: null })
  })

  test.each([
    ['[NaN]', 'NaN and Infinity are no JSON numbers; send the strings'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[-Infinity]}]}', 'NaN and Infinity are no JSON'],
    ['{', 'the body is not JSON'],
    ['[]', 'expected the body to be a JSON object, got an array'],
    ['{}', 'expected "inputs" to be an array of tensors'],
    [{ inputs, id: 5 }, 'expected "id" to be a string'],
    [{ inputs: [...inputs, ...inputs] }, 'inputs: "x" is there twice'],
    [{ inputs, outputs: [{ name: 'a' }, { name: 'a' }] }, 'outputs: a name is there twice'],
    [{ inputs, parameters: { sequence_id: 7 } }, 'sequences are not supported'],
    [{ inputs, parameters: { timeout: -1 } }, 'parameter timeout to be a whole number'],
    [{ inputs: [{ ...inputs[0], parameters: { shared_memory_region: 'r' } }] }, 'x: shared memory is not supported'],
    [{ inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }] }, 'x: it has no "data"'],
  ])('%j', (body, message) => {
    expect(refusal(() => read(body))).toContain(message)
  })

  test('bytes that are no UTF-8 are refused, and a name such as __proto__ is a name', () => {
    expect(refusal(() => readInferRequest(Buffer.from([0x7b, 0xff, 0x7d]), null))).toContain('not UTF-8')
    const { inputs: named } = read('{"inputs":[{"name":"__proto__","datatype":"FP32","shape":[1],"data":[1]}]}')
    expect(Object.keys(named)).toEqual(['__proto__'])
  })
})
