// The least that a server in Node does for an inference request: it parses the body and answers the same numbers to everybody.
import { createServer } from 'node:http'

const [port] = process.argv.slice(2)
const data = Array.from({ length: 10 }, (_, index) => Math.fround(index / 7))
const reply = JSON.stringify({
  model_name: 'mlp',
  model_version: '1.0.0',
  outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 10], data }],
})

createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    if (chunks.length > 0) JSON.parse(Buffer.concat(chunks).toString())
    response.setHeader('content-type', 'application/json')
    response.end(reply)
  })
}).listen(Number(port), '127.0.0.1')
