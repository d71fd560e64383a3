import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sourceFromBlob, sourceFromBytes } from '../../src/format/byte-source.ts'
import { detectFormat } from '../../src/format/detect.ts'
import { readOnnxSummary } from '../../src/format/onnx.ts'
import { openLocalFile } from '../../src/platform/node-files.ts'
import { onnxFixtures } from '../../src/testing/fixtures/onnx/index.ts'
import { expectError } from '../expect-error.ts'

const file = (name: string) => readFile(new URL(`../fixtures/formats/${name}`, import.meta.url))
const ascii = (text: string) => new TextEncoder().encode(text)

describe('detectFormat', () => {
  test('TorchScript that torch.jit.save wrote', async () => {
    expect(await detectFormat(await file('torchscript'))).toBe('torchscript')
    expect(await detectFormat(sourceFromBlob(new Blob([await file('torchscript')])))).toBe('torchscript')
  })
  test('every ONNX fixture', async () => {
    for (const fixture of onnxFixtures) {
      const { artifact } = await fixture.load()
      expect(await detectFormat(await artifact.files[0].bytes())).toBe('onnx')
    }
  })
  test.each([
    [
      'state-dict',
      /a state dict or training checkpoint.*\n +model = MyModel\(\)\n +model\.load_state_dict\(torch\.load.*\n +tensorferry\.export_bundle\(/,
    ],
    ['checkpoint', /a state dict or training checkpoint/],
    ['state-dict-legacy', /a pickle written by an old torch\.save/],
    [
      'exported',
      /a torch\.export program \(\.pt2\).*python -m tensorferry aoti; another: export its module with tensorferry\.export_bundle/,
    ],
    ['safetensors', /a safetensors file, which holds weights/],
  ])('%s is named and refused', async (name, message) => {
    const bytes = await file(name)
    await expectError('FORMAT_UNSUPPORTED', message, () => detectFormat(bytes))
  })
  test('a zip that is cut short', async () => {
    const bytes = await file('torchscript')
    await expectError('FORMAT_UNSUPPORTED', /zip archive that is cut short/, () =>
      detectFormat(bytes.subarray(0, bytes.length - 300)),
    )
  })
  test.each([
    [ascii('<?xml version="1.0"?><Error/>'), /an XML document/],
    [ascii('\u001c\u0000\u0000\u0000TFL3'), /a TensorFlow Lite model/],
    [ascii('    ORTM'), /an ORT-format model/],
    // Their first two bytes are a length, and could be ONNX's version as well.
    [ascii('\u0008\u0001\u0000\u0000ORTM'), /an ORT-format model/],
    [ascii('\u0008\u0001\u0001\u0000\u0000\u0000\u0000\u0000{"a"'), /a safetensors file/],
    [ascii('\n<html>'), /an HTML page/],
    [ascii('GGUF'), /a GGUF file/],
    [new Uint8Array([0x89, 0x48, 0x44, 0x46]), /HDF5/],
    [new Uint8Array([0x1f, 0x8b, 8]), /gzip/],
    [new Uint8Array([0xff, 0xfe, 0, 1]), /unknown kind/],
    [ascii('hello'), /a text file/],
  ])('%#: other files by their first bytes', async (bytes, message) => {
    await expectError('FORMAT_UNSUPPORTED', message, () => detectFormat(bytes))
  })
})

describe('readOnnxSummary', () => {
  const path = fileURLToPath(new URL('../../../../examples/bundles/super-resolution-x3/model.onnx', import.meta.url))

  test('reads a real model, from disk as from memory', async () => {
    const bytes = await readFile(path)
    const summary = await readOnnxSummary((await openLocalFile(path)).source)
    expect(summary).toMatchObject({ opset: 20, externalData: [] })
    expect(await readOnnxSummary(sourceFromBytes(bytes))).toEqual(summary)
  })
  test('skips weights: of 20 MB it reads less than 200 kB', async () => {
    const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])
    const field = (number: number, payload: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(payload.length)]), payload])
    const [graph, initializer, rawData] = [7, 5, 9]
    const weights = field(graph, field(initializer, field(rawData, new Uint8Array(20_000_000))))
    const source = sourceFromBytes(Buffer.concat([Buffer.from([8, 10]), weights]))
    let read = 0
    await readOnnxSummary({
      size: source.size,
      read(offset, length) {
        read += length
        return source.read(offset, length)
      },
    })
    expect(read).toBeLessThan(200_000)
  })
  test('finds external data', async () => {
    const { artifact } = await onnxFixtures.find(({ name }) => name === 'external-files')!.load()
    const summary = await readOnnxSummary(sourceFromBytes(await artifact.files[0].bytes()))
    expect(summary.externalData).toEqual(artifact.files.slice(1).map(({ path }) => path))
  })
  test('graphs in graphs by the thousand are refused', async () => {
    const varint = (value: number): number[] =>
      value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
    const field = (number: number, content: Buffer): Buffer =>
      Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content])
    // A graph's node's attribute's graph, and so on.
    let graph: Buffer = Buffer.alloc(0)
    for (let depth = 0; depth < 5000; depth++) graph = field(1, field(5, field(6, graph)))
    const model = Buffer.concat([Buffer.from([8, 9]), field(7, graph)])
    await expectError('FORMAT_UNSUPPORTED', /its graphs nest too deeply/, () => readOnnxSummary(sourceFromBytes(model)))
  })
  test('random damage is refused or read, never a crash', async () => {
    const bytes = await readFile(path)
    let seed = 1
    for (let round = 0; round < 300; round++) {
      const damaged = new Uint8Array(bytes)
      for (let i = 0; i < 5; i++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        damaged[seed % Math.min(4000, damaged.length)] = seed >>> 24
      }
      const outcome = await readOnnxSummary(sourceFromBytes(damaged)).then(
        () => 'read',
        (error: { code?: string }) => error.code,
      )
      expect(['read', 'FORMAT_UNSUPPORTED']).toContain(outcome)
    }
  })
})
