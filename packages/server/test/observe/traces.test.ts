import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HrTime, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { zeros } from '@tensorferry/core'
import { pino } from 'pino'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { RequestObserver } from '../../src/observe/request-observer.ts'
import { bundlePath, loadModels } from '../load-models.ts'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()
beforeEach(() => exporter.reset())
afterAll(async () => {
  await provider.shutdown()
  trace.disable()
})

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const nanoseconds = ([seconds, rest]: HrTime): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(rest)

async function observed() {
  const { repository, metrics } = await loadModels({ models: [bundlePath('digits')] })
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  return { model: repository.get('digits'), metrics, lines, observer: new RequestObserver(metrics, logger) }
}

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name)

test('two requests of one run: each has its trace, the batch links to both', async () => {
  const { model, observer } = await observed()
  const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` }
  const requests = [
    observer.start({ protocol: 'http', operation: 'infer', headers }),
    observer.start({ protocol: 'grpc', operation: 'infer', headers: {} }),
  ]
  await Promise.all(
    requests.map((request) => request.run(() => model.infer({ image: zeros('float32', [1, 1, 8, 8]) }))),
  )
  for (const request of requests) request.end('OK', 200)

  const [first] = spans('http infer')
  expect(first!.spanContext().traceId).toBe(TRACE)
  expect(first!.parentSpanContext!.spanId).toBe('b7ad6b7169203331')
  const [second] = spans('grpc infer')
  const queues = spans('tensorferry.queue')
  expect(queues.map(({ parentSpanContext }) => parentSpanContext!.spanId).sort()).toEqual(
    [first!.spanContext().spanId, second!.spanContext().spanId].sort(),
  )
  const [batch, ...others] = spans('tensorferry.batch')
  expect(others).toEqual([])
  expect(batch!.attributes).toMatchObject({ 'tensorferry.rows': 2, 'tensorferry.requests': 2 })
  expect(batch!.links.map(({ context }) => context.spanId)).toEqual(queues.map((span) => span.spanContext().spanId))
  const [compute] = spans('tensorferry.compute')
  expect(compute!.parentSpanContext!.spanId).toBe(batch!.spanContext().spanId)
  for (const queue of queues) expect(nanoseconds(queue.endTime)).toBeLessThanOrEqual(nanoseconds(compute!.startTime))
})

test('a picture has its pipeline in the trace; a failure says which', async () => {
  const { model, observer } = await observed()
  const request = observer.start({ protocol: 'http', operation: 'predict', headers: {} })
  const picture = await readFile(join(bundlePath('digits'), 'held-out.png'))
  await request.run(() => model.predict(picture))
  await expect(request.run(() => model.predict(new Uint8Array(3)))).rejects.toThrow()
  request.end('INPUT_INVALID', 400)
  const parent = spans('http predict')[0]!.spanContext().spanId
  const parts = ['preprocess', 'queue', 'postprocess'].flatMap((name) => spans(`tensorferry.${name}`))
  expect(parts.map(({ parentSpanContext }) => parentSpanContext!.spanId)).toEqual(new Array(4).fill(parent))
  expect(spans('tensorferry.preprocess').map(({ status }) => status.message)).toEqual([undefined, 'INPUT_INVALID'])
})

test('requests are counted once, and logged without bodies', async () => {
  const { metrics, observer, lines } = await observed()
  const good = observer.start({ protocol: 'http', operation: 'infer', headers: { authorization: 'Bearer s3cret' } })
  good.setModel('digits', '1.0.0')
  expect(observer.inProgress).toBe(1)
  good.end('OK', 200)
  good.end('ABORTED', 499)
  observer.start({ protocol: 'http', operation: 'infer', headers: {} }).end('RUNTIME_FAILED', 500)
  expect(observer.inProgress).toBe(0)
  const text = (await metrics.registry.metrics()).split('\n')
  expect(text).toContain('tensorferry_requests_total{protocol="http",operation="infer",model="digits",code="OK"} 1')
  expect(text).toContain(
    'tensorferry_requests_total{protocol="http",operation="infer",model="",code="RUNTIME_FAILED"} 1',
  )
  expect(text).toContain('tensorferry_requests_in_flight{protocol="http"} 0')
  expect(
    lines.map((line) => JSON.parse(line) as { level: number; code: string; status: number; model: string }),
  ).toMatchObject([
    { level: 30, code: 'OK', status: 200, model: 'digits', version: '1.0.0', msg: 'request' },
    { level: 50, code: 'RUNTIME_FAILED', status: 500 },
  ])
  expect(lines.join('')).not.toContain('s3cret')
})
