import { Agent, request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { random } from '../random.ts'
import { startServer } from './start-server.ts'

const PARTS =
  'v2 v1 models digits ready stats config health live metrics ping docs page app.js openapi.json example versions 1.0.0 json'
const BETWEEN = [
  '/',
  '/',
  '/',
  '/',
  '//',
  '#',
  '#/',
  '?',
  '?/',
  ';/',
  '/./',
  '/../',
  '%2f',
  '%23',
  '%23/',
  '%3f/',
  '\\',
  '/%2e%2e/',
  '%00/',
  '%',
]

/** What only a key gets: metadata, statistics, metrics, examples of a model. */
const SECRET = /"(?:inputs|extensions|model_stats|versions|instances|max_batch_size|models)"|^# HELP/m

test('no spelling of an address gets past the keys, and a probe stays one', { timeout: 120_000 }, async () => {
  const server = await startServer({ apiKeys: ['key'] })
  const { hostname, port } = new URL(server.url)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  onTestFinished(() => agent.destroy())
  // As it is written: `fetch` would tidy the address first.
  const answerOf = (path: string, headers = {}): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      request({ hostname, port, path, agent, headers }, async (response) => {
        const text = (await response.toArray()).join('')
        resolve({ status: response.statusCode!, text })
      })
        .once('error', reject)
        .end()
    })

  const known = [
    '/v2/models/digits#/ready',
    '/v2#/health/live',
    '/metrics#/ping',
    '/metrics?/ping',
    '/v2/models/stats#/../ready',
  ]
  for (const path of known) expect([path, (await answerOf(path)).status]).toEqual([path, 401])
  expect((await answerOf('/ping#/metrics')).status).toBe(200)

  const draw = random(19)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)]!
  const words = PARTS.split(' ')
  const paths = Array.from({ length: 3000 }, () => {
    const count = 1 + Math.floor(draw() * 6)
    return `/${Array.from({ length: count }, () => pick(words) + pick(BETWEEN)).join('')}${pick(words)}`
  })
  const bases = [
    '/v2',
    '/metrics',
    '/v2/models/digits',
    '/v2/models/digits/stats',
    '/v1/models',
    '/v2/models/digits/example',
  ]
  for (const base of bases)
    for (const end of BETWEEN) paths.push(`${base}${end}ready`, `${base}${end}health/live`, `${base}${end}`)
  const statuses = new Map<number, number>()
  const secrets = new Set<string>()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
        const { status, text } = await answerOf(path)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (SECRET.test(text) && !text.startsWith('{"openapi"')) secrets.add(path)
      }
    }),
  )
  expect([...secrets]).toEqual([])
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([])
  expect(statuses.get(401)).toBeGreaterThan(1000)
  // The same words with a key do get there.
  expect((await answerOf('/v2/models/digits#/ready', { 'x-api-key': 'key' })).text).toMatch(SECRET)
})
