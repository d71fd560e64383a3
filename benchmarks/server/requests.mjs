import { readFileSync } from 'node:fs'

/** Numbers in 0 to 1, the same in every run. */
function numbers(count) {
  let state = 1
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround(state / 2 ** 32)
  })
}

const SHAPES = { mlp: [1, 10], espcn: [1, 1, 64, 64] }
const JSON_TYPE = { 'Content-Type': 'application/json' }
const asTarget = (port, path, headers, body, least) => ({
  port,
  path,
  headers,
  body: Buffer.from(body).toString('base64'),
  least,
})

const nested = (data, [first, ...rest]) => {
  if (rest.length === 0) return data
  const size = data.length / first
  return Array.from({ length: first }, (_, index) => nested(data.slice(index * size, (index + 1) * size), rest))
}

/** The Open Inference Protocol v2, JSON both ways. @param least - bytes that a right reply has at least */
export function v2Json(port, model, { name = model, least = 50 } = {}) {
  const shape = SHAPES[model]
  const data = numbers(shape.reduce((product, size) => product * size))
  const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape, data }] })
  return asTarget(port, `/v2/models/${name}/infer`, JSON_TYPE, body, least)
}

/** The same tensor in binary, and a binary reply. */
export function v2Binary(port, model, { least = 50 } = {}) {
  const shape = SHAPES[model]
  const data = new Float32Array(numbers(shape.reduce((product, size) => product * size)))
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape, parameters: { binary_data_size: data.byteLength } }],
    parameters: { binary_data_output: true },
  })
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Inference-Header-Content-Length': Buffer.byteLength(head),
  }
  return asTarget(
    port,
    `/v2/models/${model}/infer`,
    headers,
    Buffer.concat([Buffer.from(head), Buffer.from(data.buffer)]),
    least,
  )
}

/** `{ "x": [[…]] }`, as one would write it for Flask or LitServe. */
export function plainJson(port, model, { least = 50 } = {}) {
  const shape = SHAPES[model]
  const x = nested(numbers(shape.reduce((product, size) => product * size)), shape)
  return asTarget(port, '/predict', JSON_TYPE, JSON.stringify({ x }), least)
}

/** A photo as a browser's form sends it: the same bytes for every side. */
export function upload(port, folder) {
  const boundary = 'tensorferry-benchmark'
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`
  const body = Buffer.concat([
    Buffer.from(head),
    readFileSync(`${folder}/photo.jpg`),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  return asTarget(port, '/predict/resnet18', { 'Content-Type': `multipart/form-data; boundary=${boundary}` }, body, 10)
}
