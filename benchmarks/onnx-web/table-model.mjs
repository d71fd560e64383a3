const encoder = new TextEncoder()

/** Protobuf's base-128 number. */
function varint(value) {
  const bytes = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)])
const bytes = (field, content) => Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
const text = (field, content) => bytes(field, encoder.encode(content))
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))
const vector = (field, name, type) =>
  message(field, text(1, name), message(2, message(1, number(1, type), message(2, message(1, text(2, 'n'))))))

/** A model of any size: `picked = table[index]`. onnx.proto3's field numbers. */
export function tableModel(entries) {
  const table = new Uint8Array(Float32Array.from({ length: entries }, (_, index) => index).buffer)
  const graph = message(
    7,
    message(1, text(1, 'table'), text(1, 'index'), text(2, 'picked'), text(4, 'Gather')),
    text(2, 'table'),
    message(5, number(1, entries), number(2, 1), text(8, 'table'), bytes(9, table)),
    vector(11, 'index', 7),
    vector(12, 'picked', 1),
  )
  return Buffer.concat([number(1, 8), graph, message(8, number(2, 18))])
}
