import { onnxNode } from '@tensorferry/backend-onnx-node'
import { fixturesFor } from '@tensorferry/core/testing'
import { type ModelOptions, type Server, type ServerOptions, serve } from '@tensorferry/server'
import { onTestFinished } from 'vitest'
import { bundlePath } from '../load-models.ts'

/** A model of the conformance kit as the server takes it. */
export async function fixtureModel(name: string): Promise<ModelOptions> {
  const fixture = fixturesFor('onnx').find((one) => one.name === name)!
  const { artifact } = await fixture.load()
  return { name, source: await artifact.files[0].bytes() }
}

/** The built server with digits on a free port, until the test ends. */
export async function startServer(options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await serve({
    models: [bundlePath('digits')],
    backend: onnxNode({ threads: 1 }),
    port: 0,
    drainMs: 2000,
    ...options,
  })
  onTestFinished(() => server.close())
  return server
}

/** 8 x 8 pixels of a digit's size, for each row. */
export const pixels = (rows = 1): number[] => Array.from({ length: rows * 64 }, (_, index) => index / (rows * 64))

/** A request body for digits. */
export const digitsBody = (rest: object = {}, rows = 1): string =>
  JSON.stringify({ inputs: [{ name: 'image', datatype: 'FP32', shape: [rows, 1, 8, 8], data: pixels(rows) }], ...rest })

/** Status, headers and body of a reply. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** Of a JSON body; null for any other. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  readonly json: any
}

/** Asks a server. */
export async function ask(server: Pick<Server, 'url'>, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(server.url + path, init)
  const bytes = Buffer.from(await response.arrayBuffer())
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: isJson ? JSON.parse(bytes.toString()) : null,
  }
}

/** Posts a body. */
export function post(
  server: Pick<Server, 'url'>,
  path: string,
  body: BodyInit = digitsBody(),
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(server, path, { method: 'POST', body, headers })
}

/** Address of inference on a model. */
export const inferPath = (model = 'digits'): string => `/v2/models/${model}/infer`
