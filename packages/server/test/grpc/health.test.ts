// gRPC's health protocol as Kubernetes' probe and load balancers ask for it, with a client that knows the public names alone.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChannelCredentials, type Client, Metadata, makeClientConstructor, status } from '@grpc/grpc-js'
import type { Server } from '@tensorferry/server'
import { expect, onTestFinished, test } from 'vitest'
import { healthService } from '../../src/grpc/health.ts'
import { startServer } from '../http/start-server.ts'
import { bundlePath } from '../load-models.ts'

interface HealthClient {
  check(service?: string): Promise<{ status: string }>
  list(key?: string): Promise<{ statuses: Record<string, { status: string }> }>
  /** What a watch has told so far, and how it ended. */
  watch(service: string): { readonly told: string[]; readonly ended: Promise<{ code: number }>; cancel(): void }
}

function healthClient({ grpcUrl }: Server): HealthClient {
  const service = healthService()
  const Constructor = makeClientConstructor(service, 'Health')
  const client: Client = new Constructor(grpcUrl!.replace(/^grpc:\/\//, ''), ChannelCredentials.createInsecure())
  onTestFinished(() => client.close())
  const unary = (method: 'Check' | 'List', request: object, key?: string): Promise<never> =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = service[method]!
      const metadata = new Metadata()
      if (key) metadata.set('x-api-key', key)
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) =>
        error ? reject(error) : resolve(answer as never),
      )
    })
  return {
    // Kubernetes without "service" sends an empty message.
    check: (name) => unary('Check', name === undefined ? {} : { service: name }),
    list: (key) => unary('List', {}, key),
    watch: (name) => {
      const { path, requestSerialize, responseDeserialize } = service.Watch!
      const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: name })
      const told: string[] = []
      stream.on('data', (answer: { status: string }) => told.push(answer.status))
      const ended = new Promise<{ code: number }>((resolve) => stream.on('error', resolve as never))
      return { told, ended, cancel: () => stream.cancel() }
    },
  }
}

test('the numbers are the public ones', () => {
  const { Check, Watch, List } = healthService() as Record<string, { path: string }>
  expect([Check!.path, Watch!.path, List!.path]).toEqual([
    '/grpc.health.v1.Health/Check',
    '/grpc.health.v1.Health/Watch',
    '/grpc.health.v1.Health/List',
  ])
  const service = healthService()
  const bytes = (value: object): string => service.Check!.responseSerialize(value).toString('hex')
  // Field 1, a varint.
  expect(['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].map((one) => bytes({ status: one }))).toEqual([
    '0800',
    '0801',
    '0802',
    '0803',
  ])
  expect(service.Check!.requestSerialize({ service: 'ab' }).toString('hex')).toBe('0a026162')
})

test('Check: the server, the service, a model, a version; no key is asked for', async () => {
  const server = await startServer({ grpcPort: 0, apiKeys: ['secret'] })
  const client = healthClient(server)
  for (const service of [undefined, '', 'inference.GRPCInferenceService', 'digits', 'digits/1.0.0']) {
    expect(await client.check(service), service).toEqual({ status: 'SERVING' })
  }
  for (const service of ['digit', 'digits/2', 'digits/']) {
    await expect(client.check(service), service).rejects.toMatchObject({ code: status.NOT_FOUND })
  }
  // Names of models are for who has a key.
  await expect(client.list()).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  expect((await client.list('secret')).statuses).toEqual({
    '': { status: 'SERVING' },
    'inference.GRPCInferenceService': { status: 'SERVING' },
    digits: { status: 'SERVING' },
  })
})

test('Watch follows the readiness that HTTP tells, through unload, load and a broken model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-health-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(bundlePath('digits'), folder, { recursive: true })
  const server = await startServer({ grpcPort: 0, models: [folder, bundlePath('super-resolution-x3')] })
  const client = healthClient(server)
  const [whole, model, unknown] = ['', 'digits', 'later'].map((service) => client.watch(service))
  await expect
    .poll(() => [whole!.told, model!.told, unknown!.told])
    .toEqual([['SERVING'], ['SERVING'], ['SERVICE_UNKNOWN']])
  await server.repository.unload('digits')
  await expect.poll(() => model!.told).toEqual(['SERVING', 'NOT_SERVING'])
  expect(await client.check('digits')).toEqual({ status: 'NOT_SERVING' })
  // Unloaded by request: the server is ready without it.
  expect(await client.check('')).toEqual({ status: 'SERVING' })
  const file = join(folder, 'model.onnx')
  await writeFile(file, 'half a model')
  await expect(server.repository.load('digits')).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
  await cp(join(bundlePath('digits'), 'model.onnx'), file)
  await server.repository.load('digits')
  await expect.poll(() => model!.told).toEqual(['SERVING', 'NOT_SERVING', 'SERVING'])
  expect(whole!.told).toEqual(['SERVING'])

  unknown!.cancel()
  expect((await unknown!.ended).code).toBe(status.CANCELLED)
  await server.close()
  expect((await whole!.ended).code).toBe(status.UNAVAILABLE)
  expect((await model!.ended).code).toBe(status.UNAVAILABLE)
  expect([whole!.told.at(-1), model!.told.at(-1)]).toEqual(['NOT_SERVING', 'NOT_SERVING'])
})

test('while it is not ready yet, and with unreadyMs before it ends, it is NOT_SERVING', async () => {
  const states: Promise<{ status: string }>[] = []
  const server = await startServer({
    grpcPort: 0,
    unreadyMs: 200,
    onEvent: (event) => {
      if (event.type === 'listening') states.push(healthClient(event as never).check())
    },
  })
  expect(await Promise.all(states)).toEqual([{ status: 'NOT_SERVING' }])
  const client = healthClient(server)
  const { told } = client.watch('')
  await expect.poll(() => told).toEqual(['SERVING'])
  const closing = server.close()
  await expect.poll(() => told).toEqual(['SERVING', 'NOT_SERVING'])
  await closing
})
