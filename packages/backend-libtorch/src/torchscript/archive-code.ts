import { type ByteSource, TensorferryError } from '@tensorferry/core'
import { readEntry } from '../aot/read-entry.ts'
import type { ZipEntry } from './zip-directory.ts'

/** A place in a model's code that names a device. */
export interface CodeDevice {
  /** As in the code: `cuda:0`; `cuda` of a call of `x.cuda()`. */
  readonly device: string
  /** File in the archive as TorchScript's traces name it: `code/__torch__.py`. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The line itself, without what indents it. */
  readonly text: string
}

/** Code that only fills memory: no model is that long. */
const LARGEST = 64 * 1024 * 1024

/** An entry of an archive that may name devices. */
export interface CodeEntry {
  readonly entry: ZipEntry
  readonly content: Uint8Array
}

/** The entries of TorchScript's code. */
export async function readCode(source: ByteSource, entries: readonly ZipEntry[]): Promise<readonly CodeEntry[]> {
  const code: CodeEntry[] = []
  for (const entry of entries) {
    if (!/^[^/]*\/code\/.*\.py$/.test(entry.name) || entry.size > LARGEST) continue
    code.push({ entry, content: await readEntry(source, entry) })
  }
  return code
}

const DEVICE = /torch\.device\("((?!meta")[^"\\]+)"\)/g
/** `x.cuda()`, as TorchScript writes it. */
const TO_CUDA = /(?<![\w.])torch\.cuda\((?=\w)/g

/** Every place that names a device, in the order of the code. */
export function findDevices(code: readonly CodeEntry[]): readonly CodeDevice[] {
  const found: CodeDevice[] = []
  for (const { entry, content } of code) {
    const file = entry.name.slice(entry.name.indexOf('/') + 1)
    const lines = new TextDecoder().decode(content).split('\n')
    lines.forEach((text, index) => {
      const place = { file, line: index + 1, text: text.trim() }
      for (const [, device] of text.matchAll(DEVICE)) found.push({ device: device!, ...place })
      for (const _ of text.matchAll(TO_CUDA)) found.push({ device: 'cuda', ...place })
    })
  }
  return found
}

/** The code with another device in place of every one that it names; null: it names none. */
export function mapCode(content: Uint8Array, device: string): Uint8Array | null {
  const text = new TextDecoder().decode(content)
  let mapped = text.replace(DEVICE, () => `torch.device("${device}")`)
  if (device === 'cpu') mapped = mapped.replace(TO_CUDA, 'torch.cpu(')
  return mapped === text ? null : Buffer.from(mapped)
}

/**
 * Refuses a file that was saved after `torch.jit.optimize_for_inference`: its weights are in a form that is not saved.
 *
 * @throws TensorferryError `FORMAT_UNSUPPORTED`
 */
export function refuseOptimized(path: string, code: readonly CodeEntry[]): void {
  const optimized = code.find(({ content }) => Buffer.from(content).includes('prim.ConstantMKLDNNTensor'))
  if (!optimized) return
  throw new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `${path} was saved after torch.jit.optimize_for_inference, which does not save the weights it converted; save the model without it, and pass optimizeForInference: true here`,
    { details: { entry: optimized.entry.name } },
  )
}
