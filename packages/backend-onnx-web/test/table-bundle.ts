import { createHash } from 'node:crypto'

const encoder = new TextEncoder()

/** Protobuf's base-128 number. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
const number = (field: number, value: number): Uint8Array => Buffer.concat([varint(field * 8), varint(value)])
const bytes = (field: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
const text = (field: number, content: string): Uint8Array => bytes(field, encoder.encode(content))
const message = (field: number, ...parts: Uint8Array[]): Uint8Array => bytes(field, Buffer.concat(parts))

/** onnx.proto3's ValueInfoProto of a vector of any length. */
function vector(field: number, name: string, elementType: number): Uint8Array {
  const shape = message(2, message(1, text(2, 'n')))
  return message(field, text(1, name), message(2, message(1, number(1, elementType), shape)))
}

/** A model of any size: `picked = table[index]`, where entry i of the table is i times `factor`. */
export function tableModel(entries: number, factor = 1): Uint8Array<ArrayBuffer> {
  const table = Float32Array.from({ length: entries }, (_, index) => index * factor)
  const graph = message(
    7,
    message(1, text(1, 'table'), text(1, 'index'), text(2, 'picked'), text(4, 'Gather')),
    text(2, 'table'),
    message(5, number(1, entries), number(2, 1), text(8, 'table'), bytes(9, new Uint8Array(table.buffer))),
    vector(11, 'index', 7),
    vector(12, 'picked', 1),
  )
  return new Uint8Array(Buffer.concat([number(1, 8), graph, message(8, number(2, 18))]))
}

/** The bundle around {@link tableModel}, by paths below `folder`. */
export function tableBundle(folder: string, entries: number, factor = 1): Map<string, Uint8Array> {
  const model = tableModel(entries, factor)
  const sha256 = createHash('sha256').update(model).digest('hex')
  const manifest = {
    schema: 'tensorferry.bundle/1',
    name: 'table',
    version: '1.0.0',
    license: 'MIT',
    task: null,
    dims: { n: { min: 1, max: 64 } },
    inputs: [{ name: 'index', dtype: 'int64', shape: ['n'] }],
    outputs: [{ name: 'picked', dtype: 'float32', shape: ['n'] }],
    states: [],
    artifacts: [
      {
        name: 'onnx',
        format: 'onnx',
        precision: 'float32',
        files: [{ path: 'model.onnx', size: model.length, sha256 }],
        requires: { opset: 18 },
      },
    ],
    preprocess: [],
    postprocess: [],
    labels: null,
    goldens: null,
  }
  return new Map([
    [`${folder}bundle.json`, encoder.encode(JSON.stringify(manifest))],
    [`${folder}model.onnx`, model],
  ])
}
