import type { OrtOutput } from './ort-tensor.ts'

/** Outputs whose memory is nobody else's, and the buffers to move with them. */
export interface OwnOutputs {
  readonly outputs: Readonly<Record<string, OrtOutput>>
  readonly buffers: readonly ArrayBuffer[]
}

/**
 * Makes plain data of what a run gave, so that it can move to another thread. Memory that an output shares with another
 * one, or is a part of, is copied: the runtime may hand out one array under two names.
 *
 * @param mustCopy - for memory that cannot move
 */
export function ownOutputs(results: Readonly<Record<string, OrtOutput>>, mustCopy = false): OwnOutputs {
  const buffers = new Set<ArrayBuffer>()
  const outputs: Record<string, OrtOutput> = {}
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    let own = data
    if (ArrayBuffer.isView(data)) {
      const { buffer, byteOffset, byteLength } = data
      if (mustCopy || byteLength < buffer.byteLength || buffers.has(buffer)) {
        const View = data.constructor as new (buffer: ArrayBuffer) => ArrayBufferView<ArrayBuffer>
        own = new View(buffer.slice(byteOffset, byteOffset + byteLength))
      }
      buffers.add((own as ArrayBufferView<ArrayBuffer>).buffer)
    }
    outputs[name] = { type, dims, data: own }
  }
  return { outputs, buffers: [...buffers] }
}
