import type { Tensors } from '@tensorferry/core'

/** What a server says of itself. */
export interface ServerMetadata {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

/** What a server says of an input or output. */
export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  /** -1: any size. */
  readonly shape: readonly number[]
  /** Our own servers name the sizes of -1 in `dims`. */
  readonly parameters?: { readonly dims?: readonly (number | string | null)[]; readonly rank?: string } | null
}

/** What a server says of a model. */
export interface ModelMetadata {
  readonly name: string
  readonly versions?: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/** Of one request to one server. */
export interface RequestOptions {
  readonly signal: AbortSignal
  /** By `performance.now()`; null: none. */
  readonly deadline: number | null
}

/** One server by one protocol. Every method fails with a `Failure`. */
export interface Connection {
  readonly url: string
  /** Whether the server and the model are ready. */
  isReady(options: RequestOptions): Promise<boolean>
  serverMetadata(options: RequestOptions): Promise<ServerMetadata>
  modelMetadata(options: RequestOptions): Promise<ModelMetadata>
  /** @param body - what the protocol's `encode` made */
  infer(body: unknown, options: RequestOptions): Promise<Tensors>
  close(): void
}

/** How inputs travel over REST. */
export type TensorForm = 'binary' | 'json'

/** REST or gRPC. */
export interface Protocol {
  connect(url: string): Connection
  /** A copy of the inputs, ready to be sent to any server, as often as needed. */
  encode(inputs: Tensors, form: TensorForm): unknown
}
