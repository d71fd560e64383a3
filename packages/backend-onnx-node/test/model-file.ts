import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Artifact, ArtifactFile } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'

/** Absolute path of a file in `fixtures/`. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** A file of an artifact, given by content only. */
export function fileOf(path: string, content: () => Uint8Array): ArtifactFile {
  return { path, size: null, sha256: null, bytes: async () => Uint8Array.from(content()) }
}

/** A fixture on disk. */
export function onDisk(path: string): ArtifactFile {
  return { ...fileOf(path, () => readFileSync(fixturePath(path))), localFile: () => openLocalFile(fixturePath(path)) }
}

/** A fixture in memory. */
export function inMemory(path: string): ArtifactFile {
  return fileOf(path, () => readFileSync(fixturePath(path)))
}

export function artifactOf(...files: [ArtifactFile, ...ArtifactFile[]]): Artifact {
  return { name: 'onnx', format: 'onnx', files, requires: {} }
}

/** A bare fixture by name, from disk. */
export function model(name: string): { readonly artifact: Artifact } {
  return { artifact: artifactOf(onDisk(`${name}.onnx`)) }
}
