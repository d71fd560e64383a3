// A new version that is damaged, in every way that it may come: what is good goes on, and what is not shows.
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server, ServerEvent } from '@tensorferry/server'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { ask, post, startServer } from '../http/start-server.ts'
import { bundlePath } from '../load-models.ts'

/** A folder `digits` with version 1 in it. */
async function versionFolder(): Promise<string> {
  const above = await mkdtemp(join(tmpdir(), 'tensorferry-versions-'))
  onTestFinished(() => rm(above, { recursive: true }))
  const folder = join(above, 'digits')
  await cp(bundlePath('digits'), join(folder, '1'), { recursive: true })
  return folder
}

/** Puts a version there in one step: whole, or with a model file that is cut off. */
async function add(folder: string, version: string, isDamaged: boolean): Promise<void> {
  const aside = `${folder}-${version}`
  await cp(bundlePath('digits'), aside, { recursive: true })
  if (isDamaged) await writeFile(join(aside, 'model.onnx'), 'half a model')
  await rename(aside, join(folder, version))
}

async function start(folder: string, options: object = {}) {
  const lines: string[] = []
  const events: ServerEvent[] = []
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
  const server = await startServer({
    models: [folder],
    repositoryToken: 'token',
    logger,
    onEvent: (event) => void events.push(event),
    ...options,
  })
  return { server, lines, events }
}

const statusOf = async (server: Server, path: string): Promise<number> => (await ask(server, path)).status

/** The state of a version in the index, as clients see it. */
async function entryOf(server: Server, version: string): Promise<{ state: string; reason: string } | undefined> {
  const { json } = await post(server, '/v2/repository/index', '')
  return json.find((entry: { version: string }) => entry.version === version)
}

async function metric(server: Server, line: string): Promise<string | undefined> {
  const text = (await ask(server, '/metrics')).bytes.toString()
  return text
    .split('\n')
    .find((one) => one.startsWith(`${line} `))
    ?.slice(line.length + 1)
}

/** Version 1 answers, the server is ready, and version 2 shows in the index, the log and the metrics. */
async function requireGoodOne(server: Server, lines: readonly string[]): Promise<void> {
  expect(await statusOf(server, '/v2/health/ready')).toBe(200)
  expect(await statusOf(server, '/v2/models/digits/ready')).toBe(200)
  expect(await statusOf(server, '/v2/models/digits/versions/2/ready')).toBe(503)
  expect((await post(server, '/v2/models/digits/infer')).json).toMatchObject({ model_version: '1' })
  expect(await entryOf(server, '1')).toEqual(expect.objectContaining({ state: 'READY', reason: '' }))
  expect(await entryOf(server, '2')).toEqual(
    expect.objectContaining({ state: 'UNAVAILABLE', reason: expect.stringContaining('INTEGRITY_FAILED') }),
  )
  expect(lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ msg: 'loading failed', model: 'digits', version: '2' }),
  )
  expect(await metric(server, 'tensorferry_model_ready{model="digits",version="1"}')).toBe('1')
  expect(await metric(server, 'tensorferry_model_ready{model="digits",version="2"}')).toBe('0')
  expect(Number(await metric(server, 'tensorferry_load_failures_total{model="digits",version="2"}'))).toBeGreaterThan(0)
}

test('at the start', async () => {
  const folder = await versionFolder()
  await add(folder, '2', true)
  const { server, lines, events } = await start(folder)
  await requireGoodOne(server, lines)
  expect(events).toContainEqual(expect.objectContaining({ type: 'failed', model: 'digits', version: '2', kept: false }))
})

test('by a load request, which says what is wrong', async () => {
  const folder = await versionFolder()
  const { server, lines } = await start(folder)
  await add(folder, '2', true)
  const { status, json } = await post(server, '/v2/repository/models/digits/load', '', { 'x-api-key': 'token' })
  expect(status).toBeGreaterThanOrEqual(500)
  expect(json.code).toBe('INTEGRITY_FAILED')
  await requireGoodOne(server, lines)
})

test('by watch; once it is whole it takes over', async () => {
  const folder = await versionFolder()
  const { server, lines } = await start(folder, { watch: { intervalMs: 10 } })
  let isOver = false
  const codes = new Set<number>()
  const probe = (async () => {
    while (!isOver) codes.add(await statusOf(server, '/v2/health/ready'))
  })()
  await add(folder, '2', true)
  await expect.poll(() => lines.length).toBeGreaterThan(0)
  await requireGoodOne(server, lines)

  const whole = join(folder, '..', 'model.onnx')
  await writeFile(whole, await readFile(join(bundlePath('digits'), 'model.onnx')))
  await rename(whole, join(folder, '2', 'model.onnx'))
  await expect.poll(async () => (await post(server, '/v2/models/digits/infer')).json.model_version).toBe('2')
  isOver = true
  await probe
  expect([...codes]).toEqual([200])
})

test('in the place of the good one, whose folder is gone: it stays until another version is ready', async () => {
  const folder = await versionFolder()
  const { server, lines } = await start(folder, { watch: { intervalMs: 10 } })
  await add(folder, '2', true)
  await rm(join(folder, '1'), { recursive: true })
  await expect.poll(async () => (await entryOf(server, '1'))?.reason).toContain('its files are gone')
  expect(await statusOf(server, '/v2/health/ready')).toBe(200)
  expect((await post(server, '/v2/models/digits/infer')).json).toMatchObject({ model_version: '1' })
  // A load request does not take it away either.
  const load = await post(server, '/v2/repository/models/digits/load', '', { 'x-api-key': 'token' })
  expect(load.json.code).toBe('INTEGRITY_FAILED')
  expect(await statusOf(server, '/v2/health/ready')).toBe(200)
  expect(lines.join('')).toContain('loading failed')
  await add(folder, '3', false)
  await expect.poll(async () => (await entryOf(server, '1')) ?? 'gone').toBe('gone')
  expect((await post(server, '/v2/models/digits/infer')).json).toMatchObject({ model_version: '3' })
})

test('another model that never was ready takes nothing away', async () => {
  const folder = await versionFolder()
  const above = join(folder, '..')
  const { server } = await start(above, { watch: { intervalMs: 10 } })
  await cp(bundlePath('super-resolution-x3'), join(above, '.x3'), { recursive: true })
  await writeFile(join(above, '.x3', 'model.onnx'), 'half a model')
  await rename(join(above, '.x3'), join(above, 'x3'))
  await expect.poll(async () => (await entryOf(server, ''))?.state).toBe('UNAVAILABLE')
  expect(await statusOf(server, '/v2/health/ready')).toBe(200)
  expect(await statusOf(server, '/v2/models/super-resolution-x3/ready')).toBe(503)
})

test('when no version of a model is good, the server does not start', async () => {
  const folder = await versionFolder()
  await writeFile(join(folder, '1', 'model.onnx'), 'half a model')
  await add(folder, '2', true)
  await expect(start(folder)).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
})
