import { connect } from 'node:net'
import { deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { tensor } from '@tensorferry/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { ask, digitsBody, fixtureModel, inferPath, pixels, post, startServer } from './start-server.ts'

/** What the model itself answers. */
async function expectedLogits(server: Awaited<ReturnType<typeof startServer>>, rows = 1): Promise<number[]> {
  const image = tensor('float32', pixels(rows), [rows, 1, 8, 8])
  const { logits } = await server.repository.get('digits').infer({ image })
  return Array.from(logits!.data as Float32Array)
}

describe('inference', () => {
  test('JSON in any Content-Type gives the numbers of the model, to the last bit', async () => {
    const server = await startServer()
    const expected = await expectedLogits(server)
    for (const type of ['application/json', 'text/plain', 'application/octet-stream', 'x; y=1', '']) {
      const { status, headers, json } = await post(server, inferPath(), digitsBody({ id: 'ü' }), {
        'content-type': type,
      })
      expect(status, type).toBe(200)
      expect(headers.get('content-type'), type).toBe('application/json')
      expect(json).toMatchObject({ id: 'ü', model_name: 'digits', model_version: '1.0.0' })
      expect(json.outputs[0]).toMatchObject({ name: 'logits', datatype: 'FP32', shape: [1, 10] })
      expect(json.outputs[0].data.map(Math.fround)).toEqual(expected)
    }
    const { json } = await post(server, '/v2/models/digits/versions/1.0.0/infer')
    expect(json.outputs[0].data.map(Math.fround)).toEqual(expected)
  })

  test('packed in every way, and replies packed for who asks for one way', async () => {
    const server = await startServer()
    const expected = await expectedLogits(server, 40)
    const body = digitsBody({}, 40)
    const ways = { gzip: gzipSync(body), deflate: deflateSync(body), 'deflate ': deflateRawSync(body), identity: body }
    for (const [way, packed] of Object.entries(ways)) {
      const { json } = await post(server, inferPath(), packed, { 'content-encoding': way.trim() })
      expect(json.outputs[0].data.map(Math.fround), way).toEqual(expected)
    }
    // Node's fetch unpacks: what was sent is seen in the header alone.
    const alone = await post(server, inferPath(), body, { 'accept-encoding': 'gzip' })
    expect(alone.headers.get('content-encoding')).toBe('gzip')
    expect(alone.json.outputs[0].data.map(Math.fround)).toEqual(expected)
    const any = await post(server, inferPath(), body, { 'accept-encoding': 'gzip, deflate, br' })
    expect(any.headers.get('content-encoding')).toBeNull()
    const small = await post(server, inferPath(), digitsBody(), { 'accept-encoding': 'gzip' })
    expect(small.headers.get('content-encoding')).toBeNull()
    expect(gunzipSync(gzipSync(body)).toString()).toBe(body)
  })

  test('large JSON, which a worker reads and writes, gives the numbers of binary form', async () => {
    const server = await startServer({ models: [bundlePath('super-resolution-x3')] })
    const [height, width] = [110, 130]
    const data = Array.from({ length: height * width }, (_, index) => Math.fround(Math.sin(index) / 2 + 0.5))
    const image = { name: 'input', datatype: 'FP32', shape: [1, 1, height, width] }
    const path = inferPath('super-resolution-x3')
    const asJson = (extra: object): string => JSON.stringify({ inputs: [{ ...image, data }], ...extra })
    expect(asJson({}).length).toBeGreaterThan(256 * 1024)

    const binary = await post(server, path, asJson({ parameters: { binary_data_output: true } }))
    const head = Number(binary.headers.get('inference-header-content-length'))
    const expected = binary.bytes.subarray(head)
    expect(expected).toHaveLength(height * width * 9 * 4)

    const raw = Buffer.from(Float32Array.from(data).buffer)
    const start = Buffer.from(JSON.stringify({ inputs: [{ ...image, parameters: { binary_data_size: raw.length } }] }))
    const headers = { 'inference-header-content-length': String(start.length) }
    const replies = await Promise.all([
      ...[1, 2, 3, 4].map((number) => post(server, path, asJson({ id: String(number) }))),
      post(server, path, Buffer.concat([start, raw]), headers),
    ])
    for (const [index, { status, json }] of replies.entries()) {
      expect(status).toBe(200)
      expect(json.id).toBe(index < 4 ? String(index + 1) : undefined)
      expect(Buffer.from(Float32Array.from(json.outputs[0].data).buffer).equals(expected)).toBe(true)
    }
  })

  test('large JSON that is wrong is refused by the worker as by the loop, and the next one is answered', async () => {
    const server = await startServer()
    const data = new Array<number | string>(100_000).fill(0.123456789)
    const body = (values: readonly unknown[]): string =>
      JSON.stringify({ inputs: [{ name: 'image', datatype: 'FP32', shape: [values.length], data: values }] })
    const wrong = await post(server, inferPath(), body([...data, 'x']))
    expect([wrong.status, wrong.json.code]).toEqual([400, 'INPUT_INVALID'])
    expect(wrong.json.error).toContain('element 100000 of FP32 data is "x"')
    const shape = await post(server, inferPath(), body(data))
    expect(shape.json.error).toContain('image: expected float32[batch, 1, 8, 8]')
    expect((await post(server, inferPath())).status).toBe(200)
  })

  test('strings and integers of 64 bits go through a model unchanged', async () => {
    const server = await startServer({ models: await Promise.all(['string', 'int64'].map(fixtureModel)) })
    const texts = await post(
      server,
      inferPath('string'),
      JSON.stringify({ inputs: [{ name: 'input', datatype: 'BYTES', shape: [1, 3], data: ['a"\\', 'ü\n', '😀'] }] }),
    )
    expect(texts.json.outputs[0].data).toEqual(['😀', 'ü\n', 'a"\\'])
    const body =
      '{"inputs":[{"name":"input","datatype":"INT64","shape":[1,3],"data":[[9007199254740993,-9223372036854775808,7]]}]}'
    const integers = await post(server, inferPath('int64'), body)
    expect(integers.bytes.toString()).toContain('"data":[7,-9223372036854775808,9007199254740993]')
  })
})

describe('refusals', () => {
  test('status, code and words of each', async () => {
    const server = await startServer()
    const cases: readonly (readonly [string, string | undefined, Record<string, string>, number, string, RegExp])[] = [
      [inferPath(), '{}', {}, 400, 'INPUT_INVALID', /expected "inputs".* got nothing/],
      [inferPath(), undefined, {}, 400, 'INPUT_INVALID', /no body/],
      [inferPath('nobody'), '{}', {}, 404, 'NOT_FOUND', /nobody/],
      ['/v2/models/digits/versions/9/infer', '{}', {}, 404, 'NOT_FOUND', /9/],
      [inferPath(), '{}', { 'inference-header-content-length': 'x' }, 400, 'INPUT_INVALID', /number of bytes, got "x"/],
      [inferPath(), '{}', { 'content-encoding': 'br' }, 415, 'FORMAT_UNSUPPORTED', /as "br", expected gzip, deflate/],
      [inferPath(), 'x', { 'content-encoding': 'gzip' }, 400, 'INPUT_INVALID', /says that it is gzip/],
      [
        inferPath(),
        digitsBody(),
        { 'tensorferry-timeout-ms': '0' },
        400,
        'INPUT_INVALID',
        /milliseconds above 0, got "0"/,
      ],
      [inferPath(), digitsBody({ outputs: [{ name: 'x' }] }), {}, 400, 'INPUT_INVALID', /unknown output/],
      ['/v2/nothing', '{}', {}, 404, 'NOT_FOUND', /nothing is at POST/],
      ['/v2/repository/index', '[', {}, 400, 'INPUT_INVALID', /not JSON/],
      ['/v2/repository/index', '{"ready":1}', {}, 400, 'INPUT_INVALID', /"ready".* got 1/],
    ]
    for (const [path, body, headers, status, code, words] of cases) {
      const answer = await ask(server, path, { method: 'POST', headers, ...(body === undefined ? {} : { body }) })
      expect([answer.status, answer.json?.code], `${path} ${body}`).toEqual([status, code])
      expect(answer.json.error).toMatch(words)
    }
  })

  test('a wrong method: the address says which it has, before the body is read', async () => {
    const server = await startServer({ apiKeys: ['key'] })
    const headers = { 'x-api-key': 'key' }
    const cases: readonly (readonly [method: string, path: string, status: number, allow: string | null])[] = [
      ['GET', inferPath(), 405, 'POST'],
      ['PUT', '/v2/models/nobody/versions/1/infer?x=1', 405, 'POST'],
      ['POST', '/v2/health/ready', 405, 'GET, HEAD'],
      ['POST', '/v2/models/digits/ready', 405, 'GET, HEAD'],
      ['DELETE', '/v2/models/digits', 405, 'GET, HEAD'],
      ['GET', '/predictions/digits', 405, 'POST, PUT'],
      ['OPTIONS', '/v2', 405, 'GET, HEAD'],
      ['POST', '/', 405, 'GET, HEAD'],
      ['PROPFIND', '/ping', 405, 'GET, HEAD'],
      ['GET', '/v2/models/digits/nothing', 404, null],
      ['GET', '/v2.models', 404, null],
      ['GET', '/docs/nothing', 404, null],
    ]
    for (const [method, path, status, allow] of cases) {
      const answer = await ask(server, path, { method, headers })
      expect([answer.status, answer.headers.get('allow')], `${method} ${path}`).toEqual([status, allow])
      if (status === 405) {
        expect(answer.json.code).toBe('METHOD_NOT_ALLOWED')
        expect(answer.json.error).toContain(`this address takes ${allow}`)
      }
    }
    expect((await fetch(`${server.url}/v2`, { method: 'HEAD', headers })).status).toBe(200)
    const unfinished = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
      socket.write('PUT /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\nx-api-key: key\r\ncontent-length: 1000\r\n\r\n')
      socket.setEncoding('utf8').once('data', resolve)
      onTestFinished(() => void socket.destroy())
    })
    expect(unfinished).toMatch(/^HTTP\/1\.1 405 /)
    // Keys come first: nobody learns what there is.
    expect((await ask(server, inferPath())).status).toBe(401)
  })

  test('a client that leaves takes its request out of the queue; one whose time is over is told', async () => {
    const server = await startServer({ models: [await fixtureModel('slow')], queue: { maxRequests: 2 } })
    const rows = 256
    const body = JSON.stringify({
      inputs: [{ name: 'input', datatype: 'FP32', shape: [rows, 1], data: new Array(rows).fill(1) }],
    })
    const path = inferPath('slow')
    const running = post(server, path, body)
    const leaving = new AbortController()
    const left = ask(server, path, { method: 'POST', body, signal: leaving.signal }).catch((error: Error) => error.name)
    const late = await post(server, path, body, { 'tensorferry-timeout-ms': '1' })
    expect([late.status, late.json.code]).toEqual([504, 'TIMED_OUT'])
    leaving.abort()
    expect(await left).toBe('AbortError')
    expect((await running).status).toBe(200)
    const metrics = async (): Promise<string> => (await ask(server, '/metrics')).bytes.toString()
    await expect.poll(metrics).toMatch(/tensorferry_requests_total\{.*model="slow",code="ABORTED"\} 1/)
    expect(await metrics()).toMatch(/tensorferry_requests_total\{.*model="slow",code="TIMED_OUT"\} 1/)
  })

  test('a full queue answers 503 with Retry-After', async () => {
    const server = await startServer({
      models: [await fixtureModel('slow')],
      queue: { maxRequests: 1 },
      batching: false,
    })
    const body = JSON.stringify({
      inputs: [{ name: 'input', datatype: 'FP32', shape: [128, 1], data: new Array(128).fill(1) }],
    })
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(server, inferPath('slow'), body)))
    const refused = answers.filter(({ status }) => status === 503)
    expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(12)
    expect(refused.length).toBeGreaterThan(0)
    for (const { json, headers } of refused) {
      expect(json.code).toBe('OVERLOADED')
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
  })

  test('a model that is unloaded while it infers answers what it has taken', async () => {
    const server = await startServer({ models: [bundlePath('digits')], repositoryToken: 'secret' })
    const headers = { authorization: 'Bearer secret' }
    const inferences = Array.from({ length: 50 }, () => post(server, inferPath()))
    const unloading = post(server, '/v2/repository/models/digits/unload', '', headers)
    const answers = await Promise.all([...inferences, ...Array.from({ length: 20 }, () => post(server, inferPath()))])
    expect((await unloading).status).toBe(200)
    for (const { status, json } of answers) {
      if (status === 200) expect(json.outputs[0].data).toHaveLength(10)
      else expect([409, 503]).toContain(status)
    }
    expect((await post(server, inferPath())).status).toBe(503)
    expect((await post(server, '/v2/repository/models/digits/load', '', headers)).status).toBe(200)
    expect((await post(server, inferPath())).status).toBe(200)
  })
})
