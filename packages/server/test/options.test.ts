import { describe, expect, test } from 'vitest'
import { resolveOptions } from '../src/check-options.ts'
import type { ServerOptions } from '../src/options.ts'

const refusal = (options: unknown): unknown => {
  try {
    resolveOptions(options as ServerOptions)
  } catch (error) {
    return error
  }
  return null
}

describe('options', () => {
  test('defaults', () => {
    const { models, ...server } = resolveOptions({ models: ['./digits'] })
    expect(server).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      grpcPort: null,
      apiKeys: [],
      repositoryToken: null,
      watchMs: null,
    })
    expect(models).toEqual([
      {
        name: null,
        version: null,
        source: './digits',
        backend: undefined,
        artifact: undefined,
        verify: undefined,
        batching: { maxRows: 32, maxBytes: 2 ** 24, maxDelayMs: 0 },
        queue: { maxRequests: 1024, maxRows: Number.POSITIVE_INFINITY, maxBytes: 2 ** 28 },
        requestTimeoutMs: Number.POSITIVE_INFINITY,
      },
    ])
  })

  test.each([
    ['digits=./bundles/digits', { name: 'digits', source: './bundles/digits' }],
    ['./bundles/a=b', { name: null, source: './bundles/a=b' }],
    ['https://host/digits/?token=a', { name: null, source: 'https://host/digits/?token=a' }],
    ['d=https://host/digits/?token=a', { name: 'd', source: 'https://host/digits/?token=a' }],
  ])('%s', (text, expected) => {
    expect(resolveOptions({ models: [text] }).models[0]).toMatchObject(expected)
  })

  test('a model has what the server has, but for what it says itself', () => {
    const { models } = resolveOptions({
      models: [
        { source: './a', batching: { maxRows: 4 } },
        { source: './b', batching: false, queue: { maxBytes: 1 } },
        { source: './c', requestTimeoutMs: 7 },
      ],
      batching: { maxDelayMs: 2 },
      queue: { maxRequests: 5 },
      requestTimeoutMs: 9,
    })
    expect(models.map(({ batching }) => batching)).toEqual([
      { maxRows: 4, maxBytes: 2 ** 24, maxDelayMs: 2 },
      null,
      { maxRows: 32, maxBytes: 2 ** 24, maxDelayMs: 2 },
    ])
    expect(models.map(({ queue }) => [queue.maxRequests, queue.maxBytes])).toEqual([
      [5, 2 ** 28],
      [5, 1],
      [5, 2 ** 28],
    ])
    expect(models.map(({ requestTimeoutMs }) => requestTimeoutMs)).toEqual([9, 9, 7])
  })

  test.each([
    ['an unknown name', { models: ['./a'], prot: 1 }, "unknown option 'prot', did you mean 'port'?"],
    [
      'one of a model',
      { models: [{ source: './a', nane: 'x' }] },
      "models[0]: unknown option 'nane', did you mean 'name'?",
    ],
    [
      'one of batching',
      { models: ['./a'], batching: { maxrows: 1 } },
      "batching: unknown option 'maxrows', did you mean 'maxRows'?",
    ],
    ['no models', { models: [] }, 'models: expected a list of at least one model'],
    ['nothing', {}, 'models: expected a list of at least one model'],
    ['a port', { models: ['./a'], port: 70_000 }, 'port: expected a whole number, 0 to 65535, got 70000'],
    ['a name that climbs', { models: [{ source: './a', name: '../x' }] }, 'models[0]: name: expected letters'],
    ['a model without a source', { models: [{ name: 'x' }] }, 'models[0]: expected a source'],
    ['half of TLS', { models: ['./a'], tls: { cert: 'PEM' } }, 'tls: expected both cert and key'],
    ['half of a limit', { models: ['./a'], rateLimit: { requests: 1 } }, 'rateLimit: expected both requests and perMs'],
    ['a mode', { models: ['./a'], verify: 'some' }, 'verify: expected one of "off", "smoke", "full", got "some"'],
    ['a list', ['./a'], 'options: expected an object'],
    ['an origin with a slash', { models: ['./a'], cors: ['https://a.org/'] }, 'cors: expected a boolean (true: all)'],
    ['an origin without a scheme', { models: ['./a'], cors: ['a.org'] }, 'such as "https://app.example.org"'],
    ['an empty token', { models: ['./a'], repositoryToken: '' }, 'a text that is not empty, got an empty one'],
  ])('%s is refused', (_, options, message) => {
    expect(refusal(options)).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining(message) })
  })

  test.each([[[]], [['']]])('apiKeys %j would let everybody in', (apiKeys) => {
    expect(refusal({ models: ['./a'], apiKeys })).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('apiKeys: expected a list of at least one text'),
    })
  })

  test('a certificate that is none is refused by name, and its text not told', () => {
    expect(refusal({ models: ['./a'], tls: { cert: 'PEM-cert', key: 'PEM-key' } })).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/^serve: tls: (?!.*PEM-).*expected cert to be the PEM text/),
    })
  })

  test('a key that does not fit is not told: messages end up in logs', () => {
    expect(refusal({ models: ['./a'], repositoryToken: ['s3cret'] })).toMatchObject({
      message: 'serve: repositoryToken: expected a text that is not empty, got object',
    })
    expect(refusal({ models: ['./a'], apiKeys: 's3cret' })).toMatchObject({
      message: expect.stringMatching(/^serve: apiKeys: expected a list of at least one text, .*, got string$/),
    })
  })
})
