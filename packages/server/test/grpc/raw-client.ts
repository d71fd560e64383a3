import {
  type CallOptions,
  ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  Metadata,
  makeClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import { onTestFinished } from 'vitest'

/** A bare client of the service: messages as they are. */
export interface RawClient {
  /** Rejects with grpc-js's own error. */
  call<Response>(
    method: string,
    request: unknown,
    options?: CallOptions & { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
  ): Promise<Response>
  stream(method: string): ClientDuplexStream<unknown, unknown>
  close(): void
}

/** Opens one until the test ends. */
export function rawClient(
  address: string,
  credentials = ChannelCredentials.createInsecure(),
  options: ChannelOptions = {},
): RawClient {
  const Constructor = makeClientConstructor(inferenceService(), 'GRPCInferenceService')
  const client: Client = new Constructor(address, credentials, { 'grpc.enable_retries': 0, ...options })
  onTestFinished(() => client.close())
  return {
    call: (method, request, { headers = {}, signal, ...callOptions } = {}) => {
      const { path, requestSerialize, responseDeserialize } = inferenceService()[method]!
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, response?: unknown): void =>
          error ? reject(error) : resolve(response as never)
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          callOptions,
          done,
        )
        signal?.addEventListener('abort', () => call.cancel())
      })
    },
    stream: (method) => {
      const { path, requestSerialize, responseDeserialize } = inferenceService()[method]!
      return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    },
    close: () => client.close(),
  }
}
