import {
  type CallOptions,
  ChannelCredentials,
  type Client,
  Metadata,
  makeClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import type { Tensors } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
  ServerMetadataResponse,
  TensorMetadata as WireTensorMetadata,
} from '@tensorferry/inference-protocol/grpc-messages'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import { rawFromTensor } from '@tensorferry/inference-protocol/raw-tensor'
import type {
  Connection,
  ModelMetadata,
  Protocol,
  RequestOptions,
  ServerMetadata,
  TensorMetadata,
} from '../connection.ts'
import { Failure } from '../failure.ts'
import { mapBadReply, mapGrpcError } from '../map-error.ts'
import type { ResolvedOptions } from '../options.ts'
import { decodeResponse } from './response.ts'

type Infer = Pick<ModelInferRequest, 'inputs' | 'raw_input_contents'>

/** The protocol over gRPC. */
export function grpcProtocol(options: ResolvedOptions): Protocol {
  return {
    connect: (url) => new GrpcConnection(url, options),
    encode: (inputs): Infer => ({
      inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => ({
        name,
        datatype: datatypeOf(dtype),
        shape: [...shape],
      })),
      raw_input_contents: Object.values(inputs).map((tensor) => rawFromTensor(tensor).slice()),
    }),
  }
}

/** Our own servers' parameters as REST has them; other servers' own are passed over. */
function describeTensor({ parameters, ...tensor }: WireTensorMetadata): TensorMetadata {
  const { dims, rank } = parameters ?? {}
  return {
    ...tensor,
    shape: tensor.shape.map(Number),
    parameters: {
      ...(dims?.string_param ? { dims: JSON.parse(dims.string_param) } : {}),
      ...(rank?.string_param ? { rank: rank.string_param } : {}),
    },
  }
}

class GrpcConnection implements Connection {
  readonly url: string
  readonly #client: Client
  readonly #metadata = new Metadata()
  readonly #model: { readonly name: string; readonly version: string }

  constructor(url: string, options: ResolvedOptions) {
    this.url = url
    const { protocol, host } = new URL(url)
    const authority = options.certificateAuthority
    const credentials =
      protocol === 'grpcs:' || protocol === 'https:'
        ? ChannelCredentials.createSsl(authority === null ? null : Buffer.from(authority))
        : ChannelCredentials.createInsecure()
    const InferenceClient = makeClientConstructor(inferenceService(), 'GRPCInferenceService')
    this.#client = new InferenceClient(host, credentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // A retry is this package's to decide, and its connection is this session's to close.
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.keepalive_time_ms': 60_000,
      // With HTTP/2's own 64 KiB, megabytes wait for permission again and again.
      'grpc-node.flow_control_window': 2 ** 22,
    })
    for (const [name, value] of Object.entries(options.headers)) this.#metadata.set(name, value)
    this.#model = { name: options.model, version: options.version ?? '' }
  }

  async isReady(options: RequestOptions): Promise<boolean> {
    try {
      const { ready } = await this.#call<{ ready: boolean }>('ModelReady', this.#model, options)
      return ready
    } catch (error) {
      // Some servers fail where the protocol says false.
      if (error instanceof Failure && error.kind === 'answered') return false
      throw error
    }
  }

  async serverMetadata(options: RequestOptions): Promise<ServerMetadata> {
    const { name, version, extensions } = await this.#call<ServerMetadataResponse>('ServerMetadata', {}, options)
    return { name: name || 'unknown', version: version || 'unknown', extensions }
  }

  async modelMetadata(options: RequestOptions): Promise<ModelMetadata> {
    const metadata = await this.#call<ModelMetadataResponse>('ModelMetadata', this.#model, options)
    try {
      const { inputs, outputs } = metadata
      return { ...metadata, inputs: inputs.map(describeTensor), outputs: outputs.map(describeTensor) }
    } catch (error) {
      throw mapBadReply(this.url, error)
    }
  }

  async infer(body: unknown, options: RequestOptions): Promise<Tensors> {
    const { name, version } = this.#model
    const request = { ...(body as Infer), model_name: name, model_version: version }
    const response = await this.#call<ModelInferResponse>('ModelInfer', request, options)
    try {
      return decodeResponse(response)
    } catch (error) {
      throw mapBadReply(this.url, error)
    }
  }

  close(): void {
    this.#client.close()
  }

  #call<Response>(method: string, request: unknown, { signal, deadline }: RequestOptions): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = inferenceService()[method]!
    const options: CallOptions = deadline === null ? {} : { deadline: Date.now() + (deadline - performance.now()) }
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        options,
        (error, response) => {
          signal.removeEventListener('abort', cancel)
          if (error) reject(this.#failureOf(error))
          else resolve(response as Response)
        },
      )
      const cancel = (): void => call.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      if (signal.aborted) cancel()
    })
  }

  #failureOf(error: ServiceError): Failure {
    const metadata = error.metadata ?? new Metadata()
    return mapGrpcError(
      this.url,
      {
        code: error.code,
        details: error.details,
        metadata: (name) => metadata.get(name)[0]?.toString(),
        // grpc-js makes its own errors with empty metadata; a server's have its trailers.
        isFromServer: Object.keys(metadata.getMap()).length > 0,
      },
      error,
    )
  }
}
