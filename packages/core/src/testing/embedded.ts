import { cloneTensor, type Tensors } from '../tensor.ts'
import type { ConformanceFixture, Golden, LoadedFixture } from './fixture.ts'

/** What the module of one fixture holds. */
export interface EmbeddedFixture extends Pick<LoadedFixture, 'signature'> {
  readonly requires: Readonly<Record<string, string | number>>
  readonly files: readonly [EmbeddedFile, ...EmbeddedFile[]]
  readonly goldens: readonly Golden[]
  readonly failing?: Tensors
}

interface EmbeddedFile {
  readonly path: string
  readonly size: number
  readonly sha256: string
  readonly base64: string
}

/** Bytes of standard base64; `atob` is there in Node, browsers, Bun and Deno alike. */
export function bytesFromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** The same tensors in memory of their own. */
export function cloneTensors(tensors: Tensors): Record<string, Tensors[string]> {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, cloneTensor(value)]))
}

/** A fixture whose content is imported when it is first loaded. */
export function embeddedFixture(
  description: Omit<ConformanceFixture, 'load'> & { read(): Promise<EmbeddedFixture> },
): ConformanceFixture {
  const { read, ...fixture } = description
  return {
    ...fixture,
    async load() {
      const { signature, requires, files, goldens, failing } = await read()
      const [first, ...others] = files.map(({ path, size, sha256, base64 }) => ({
        path,
        size,
        sha256,
        bytes: async () => bytesFromBase64(base64),
      }))
      return {
        name: fixture.name,
        artifact: { name: fixture.format, format: fixture.format, files: [first!, ...others], requires },
        signature,
        goldens: goldens.map(({ name, inputs, outputs }) => ({
          name,
          inputs: cloneTensors(inputs),
          outputs: cloneTensors(outputs),
        })),
        failing: failing ? cloneTensors(failing) : null,
      }
    },
  }
}
