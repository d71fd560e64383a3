import type { ModelFormat } from '../backend.ts'
import { isBytes } from '../tag-of.ts'
import { type ByteSource, sourceFromBytes } from './byte-source.ts'
import { readField } from './protobuf.ts'

/**
 * Says what a model file is by looking into it, never by its suffix.
 *
 * @param file - the whole file, in memory or as a source
 * @param name - the file's path, for messages
 * @throws TensorferryError `FORMAT_UNSUPPORTED` saying what the file is instead, and what to do
 */
export async function detectFormat(file: Uint8Array | ByteSource, name?: string): Promise<ModelFormat> {
  const source = isBytes(file) ? sourceFromBytes(file) : file
  const head = await source.read(0, Math.min(source.size, 512))
  const first = readField(head, 0, 0)
  // Field 1, ir_version, is a small number that every writer puts first, and no tag is 0. Files that begin with a length
  // can look so too: safetensors have a brace at 8.
  if (first?.number === 1 && first.value > 0 && first.value < 128 && head[2] !== 0 && head[8] !== 0x7b) return 'onnx'
  // Loaded when it is met: apps that get what they expect do without all its messages.
  const { detectOther } = await import('./detect-other.ts')
  return detectOther(source, head, first, name)
}
