import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type LibtorchOptions, type LibtorchSession, libtorch } from '@tensorferry/backend-libtorch'
import type { Artifact, ArtifactFile, Signature } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { libtorchRoot } from './environment.ts'

/** Absolute path of a file in `fixtures/`. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** A file of an artifact, given by content only. */
export function fileOf(path: string, content: () => Uint8Array): ArtifactFile {
  return { path, size: null, sha256: null, bytes: async () => Uint8Array.from(content()) }
}

/** A TorchScript artifact of one file. */
export function artifactOf(file: ArtifactFile): Artifact {
  return { name: 'torchscript', format: 'torchscript', files: [file], requires: {} }
}

/** A fixture by name, from disk. */
export function onDisk(name: string): Artifact {
  const path = fixturePath(name)
  return artifactOf({ ...fileOf(name, () => readFileSync(path)), localFile: () => openLocalFile(path) })
}

/** A fixture by name, from memory. */
export function inMemory(name: string): Artifact {
  return artifactOf(fileOf(name, () => readFileSync(fixturePath(name))))
}

/** Loads a fixture with one thread. */
export function load(name: string, options: LibtorchOptions = {}, signature?: Signature): Promise<LibtorchSession> {
  const backend = libtorch({ libtorch: libtorchRoot, threads: 1, ...options })
  return backend.createSession({ artifact: onDisk(`${name}.pt`), ...(signature ? { signature } : {}) })
}
