import type { SerializedError, Tensor } from '@tensorferry/core'
import { type EncodedReply, encodeInferReply, type InferReply } from '../protocol/infer-reply.ts'
import { type InferRequest, readInferRequest } from '../protocol/infer-request.ts'
import { type RawRequest, type RawSpec, readRawRequest } from '../protocol/raw-request.ts'

/** Work on JSON, as it crosses to a worker. */
export type JsonJob =
  | { readonly kind: 'read'; readonly body: Uint8Array; readonly headerBytes: number | null }
  | { readonly kind: 'write'; readonly reply: InferReply }
  | { readonly kind: 'raw'; readonly body: Uint8Array; readonly specs: readonly RawSpec[] }

/** What each kind of job gives. */
export interface JsonResults {
  read: InferRequest
  write: EncodedReply
  raw: RawRequest
}

/** From a worker to the server, in the order of the jobs. */
export type JsonAnswer = { readonly result: JsonResults[keyof JsonResults] } | { readonly error: SerializedError }

/** Does a job where it is called. */
export function runJsonJob(job: JsonJob): JsonResults[keyof JsonResults] {
  switch (job.kind) {
    case 'read':
      return readInferRequest(job.body, job.headerBytes)
    case 'raw':
      return readRawRequest(job.body, job.specs)
    case 'write':
      return encodeInferReply(job.reply)
  }
}

/** A view that has its memory for itself, so that it can be sent without a copy; else a copy. */
export function ownBytes<T extends Uint8Array | Exclude<Tensor['data'], readonly string[]>>(view: T): T {
  const { buffer, byteLength } = view
  // A pooled Buffer's or a batch's memory is others' too.
  if (buffer.byteLength === byteLength) return view
  return view instanceof Uint8Array ? (new Uint8Array(view) as T) : (view.slice() as T)
}

/** The memory of tensors that goes with a message. */
export function buffersOf(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { dtype, data } of tensors) if (dtype !== 'string') buffers.add(data.buffer)
  return [...buffers]
}
