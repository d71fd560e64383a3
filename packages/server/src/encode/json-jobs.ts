import type { SerializedError, Tensor } from '@tensorferry/core'
import { type EncodedReply, encodeInferReply, type InferReply } from '../protocol/infer-reply.ts'
import { type InferRequest, readInferRequest } from '../protocol/infer-request.ts'

/** Work on JSON, as it crosses to a worker. */
export type JsonJob =
  | { readonly kind: 'read'; readonly body: Uint8Array; readonly headerBytes: number | null }
  | { readonly kind: 'write'; readonly reply: InferReply }

/** What each kind of job gives. */
export interface JsonResults {
  read: InferRequest
  write: EncodedReply
}

/** From a worker to the server, in the order of the jobs. */
export type JsonAnswer = { readonly result: JsonResults[keyof JsonResults] } | { readonly error: SerializedError }

/** Does a job where it is called. */
export function runJsonJob(job: JsonJob): JsonResults[keyof JsonResults] {
  return job.kind === 'read' ? readInferRequest(job.body, job.headerBytes) : encodeInferReply(job.reply)
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
