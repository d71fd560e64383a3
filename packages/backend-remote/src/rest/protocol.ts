import { TensorferryError, type Tensors } from '@tensorferry/core'
import type { Connection, ModelMetadata, Protocol, RequestOptions, ServerMetadata } from '../connection.ts'
import { Failure } from '../failure.ts'
import { mapBadReply, mapFetchError, mapHttpError } from '../map-error.ts'
import type { ResolvedOptions } from '../options.ts'
import { decodeReply, parseReply } from './reply.ts'
import { encodeRequest, type RequestBody } from './request-body.ts'

/** The protocol over HTTP, by fetch: in Node and in browsers. */
export function restProtocol(options: ResolvedOptions): Protocol {
  return { connect: (url) => new RestConnection(url, options), encode: encodeRequest }
}

class RestConnection implements Connection {
  readonly url: string
  readonly #options: ResolvedOptions
  readonly #modelPath: string

  constructor(url: string, options: ResolvedOptions) {
    this.url = url
    this.#options = options
    const version = options.version === null ? '' : `/versions/${encodeURIComponent(options.version)}`
    this.#modelPath = `/v2/models/${encodeURIComponent(options.model)}${version}`
  }

  async isReady(options: RequestOptions): Promise<boolean> {
    try {
      await this.#request(`${this.#modelPath}/ready`, options)
      return true
    } catch (error) {
      // An answer of any status but 200 is a no; none at all is not.
      if (error instanceof Failure && 'status' in error.error.details) return false
      throw error
    }
  }

  async serverMetadata(options: RequestOptions): Promise<ServerMetadata> {
    const { name, version, extensions } = (await this.#json('/v2', options)) as Partial<ServerMetadata>
    return { name: name || 'unknown', version: version || 'unknown', extensions: extensions ?? [] }
  }

  async modelMetadata(options: RequestOptions): Promise<ModelMetadata> {
    const metadata = (await this.#json(this.#modelPath, options)) as Partial<ModelMetadata>
    const { name = this.#options.model, versions = [], platform = '', inputs, outputs } = metadata
    return { name, versions, platform, inputs: inputs ?? [], outputs: outputs ?? [] }
  }

  async infer(body: unknown, options: RequestOptions): Promise<Tensors> {
    const path = `${this.#modelPath}/infer`
    const { bytes, headers } = await this.#request(path, options, body as RequestBody)
    const headerBytes = headers.get('inference-header-content-length')
    try {
      return decodeReply(bytes, headerBytes === null ? null : Number(headerBytes))
    } catch (error) {
      throw mapBadReply(this.url, error)
    }
  }

  /** Fetch keeps its own connections, and ends those that are idle. */
  close(): void {}

  async #json(path: string, options: RequestOptions): Promise<unknown> {
    const { bytes } = await this.#request(path, options)
    let value: unknown
    try {
      value = parseReply(new TextDecoder().decode(bytes))
    } catch (error) {
      throw mapBadReply(this.url, error)
    }
    if (typeof value === 'object' && value !== null) return value
    const got = JSON.stringify(value).slice(0, 80)
    throw mapBadReply(this.url, new TensorferryError('RUNTIME_FAILED', `${path}: expected a JSON object, got ${got}`))
  }

  async #request(
    path: string,
    { signal }: RequestOptions,
    body?: RequestBody,
  ): Promise<{ readonly bytes: Uint8Array; readonly headers: Headers }> {
    const { fetch, headers } = this.#options
    let response: Response
    let bytes: Uint8Array
    try {
      response = await fetch(this.url + path, {
        method: body ? 'POST' : 'GET',
        headers: { ...headers, ...(body ? contentHeaders(body) : {}) },
        ...(body ? { body: body.bytes } : {}),
        signal,
        redirect: 'follow',
      })
      bytes = new Uint8Array(await response.arrayBuffer())
    } catch (error) {
      throw mapFetchError(this.url, error)
    }
    if (!response.ok) {
      throw mapHttpError(this.url, response.status, response.headers, new TextDecoder().decode(bytes))
    }
    return { bytes, headers: response.headers }
  }
}

function contentHeaders({ headerBytes }: RequestBody): Record<string, string> {
  if (headerBytes === null) return { 'content-type': 'application/json' }
  return { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(headerBytes) }
}
