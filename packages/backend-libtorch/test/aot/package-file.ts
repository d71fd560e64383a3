import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LibtorchOptions, type LibtorchSession, libtorch } from '@tensorferry/backend-libtorch'
import { type Artifact, readSafetensors, type Signature, type Tensor, type Tensors } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { expect } from 'vitest'
import { libtorchRoot, packagesFolder } from '../environment.ts'

/** Absolute path of a compiled package. */
export function packagePath(name: string): string {
  return join(packagesFolder, `${name}.pt2`)
}

/** An AOTInductor artifact from memory. */
export function packageOf(bytes: () => Uint8Array, path = 'model.pt2'): Artifact {
  const file = { path, size: null, sha256: null, bytes: async () => Uint8Array.from(bytes()) }
  return { name: 'aot', format: 'aot-inductor', files: [file], requires: {} }
}

/** A compiled package from disk. */
export function packageOnDisk(name: string): Artifact {
  const path = packagePath(name)
  const { files, ...artifact } = packageOf(() => readFileSync(path), `${name}.pt2`)
  return { ...artifact, files: [{ ...files[0], localFile: () => openLocalFile(path) }] }
}

/** A backend that trusts, with one thread. */
export function trusting(options: LibtorchOptions = {}): ReturnType<typeof libtorch> {
  return libtorch({ libtorch: libtorchRoot, threads: 1, trust: 'native-code', ...options })
}

/** Loads a compiled package. */
export function loadPackage(name: string, options?: LibtorchOptions, signature?: Signature): Promise<LibtorchSession> {
  return trusting(options).createSession({ artifact: packageOnDisk(name), ...(signature ? { signature } : {}) })
}

let goldens: Map<string, Tensor> | null = null

/** Inputs of a case, and what PyTorch's eager mode computes of them, in order. */
export function goldenOf(name: string, number: number): { readonly inputs: Tensor[]; readonly outputs: Tensor[] } {
  goldens ??= readSafetensors(readFileSync(join(packagesFolder, 'goldens.safetensors')))
  const side = (which: string): Tensor[] => {
    const values: Tensor[] = []
    for (;;) {
      const value = goldens!.get(`${name}/${number}/${which}/${values.length}`)
      if (!value) return values
      values.push(value)
    }
  }
  return { inputs: side('inputs'), outputs: side('outputs') }
}

/** Inputs by the names that a session has for them. */
export function named({ inputs: specs }: LibtorchSession, inputs: readonly Tensor[]): Tensors {
  return Object.fromEntries(specs.map(({ name }, index) => [name, inputs[index]!]))
}

/** Outputs of a session without a signature, in order. */
export function inOrder(outputs: Tensors): Tensor[] {
  return Object.keys(outputs).map((_, index) => outputs[`output${index}`]!)
}

/** Equal dtypes, shapes and bits; element by element, a large one would take seconds. */
export function expectSame(results: readonly Tensor[], expected: readonly Tensor[]): void {
  const head = ({ dtype, shape }: Tensor) => ({ dtype, shape })
  const bytes = ({ data }: Tensor) => {
    const { buffer, byteOffset, byteLength } = data as Float32Array
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  expect(results.map(head)).toEqual(expected.map(head))
  const differing = results.flatMap((result, index) => (bytes(result).equals(bytes(expected[index]!)) ? [] : [index]))
  expect(differing, 'outputs that differ').toEqual([])
}
