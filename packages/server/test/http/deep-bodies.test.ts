import { expect, test } from 'vitest'
import { digitsBody, inferPath, post, startServer } from './start-server.ts'

const arrays = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const objects = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

/** A body with `deep` in place of one of its fields. */
function withField(field: string, deep: string): string {
  const marked = JSON.parse(digitsBody())
  const holder = field in marked.inputs[0] || field === 'parameters' ? marked.inputs[0] : marked
  holder[field] = 'DEEP'
  return JSON.stringify(marked).replace('"DEEP"', deep)
}

test.each([4000, 200_000])('bodies that nest %d deep are answered, whatever the field', async (depth) => {
  const server = await startServer()
  const bodies: [path: string, body: string][] = []
  for (const deep of [arrays(depth), objects(depth)]) {
    for (const field of ['data', 'shape', 'name', 'datatype', 'parameters', 'inputs', 'outputs', 'id']) {
      bodies.push([inferPath(), withField(field, deep)])
    }
    for (const datatype of ['INT64', 'FP16', 'BOOL', 'BYTES']) {
      bodies.push([inferPath(), withField('data', deep).replace('FP32', datatype)])
    }
    for (const path of [
      '/v1/models/digits:predict',
      '/invocations',
      '/predictions/digits',
      '/v2/models/digits/predict',
    ]) {
      for (const body of [deep, `{"image":${deep}}`, `{"instances":${deep}}`, `{"instances":[{"b64":${deep}}]}`]) {
        bodies.push([path, body])
      }
    }
  }
  for (const [path, body] of bodies) {
    const { status, json } = await post(server, path, body)
    expect([200, 400, 404], `${path} ${body.slice(0, 100)}: ${status} ${json.error}`).toContain(status)
  }
  expect((await post(server, inferPath())).status).toBe(200)
})
