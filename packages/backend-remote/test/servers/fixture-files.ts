import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type ConformanceFixture, fixturesFor } from '@tensorferry/core/testing'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import { features } from '../features.ts'

/** A fixture on disk. */
export interface FixtureFile {
  readonly fixture: ConformanceFixture
  readonly folder: string
  /** Absolute path of the ONNX file. */
  readonly model: string
  /** As a server's metadata describe it. */
  readonly metadata: {
    readonly inputs: readonly object[]
    readonly outputs: readonly object[]
  }
}

/** The kit's fixtures that a server can hold: not the one whose dtype nobody has. */
export const servedFixtures = fixturesFor('onnx', features)

/** Writes every fixture into a folder of its own below a new one. */
export async function writeFixtures(): Promise<{
  root: string
  files: readonly FixtureFile[]
  remove(): Promise<void>
}> {
  const root = await mkdtemp(join(tmpdir(), 'tensorferry-fixtures-'))
  const files: FixtureFile[] = []
  for (const fixture of servedFixtures) {
    const { artifact, signature } = await fixture.load()
    const folder = join(root, fixture.name)
    for (const file of artifact.files) {
      const path = join(folder, file.path)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, await file.bytes())
    }
    const describe = (specs: typeof signature.inputs): readonly object[] =>
      specs.map(({ name, dtype, shape }) => ({
        name,
        datatype: datatypeOf(dtype!),
        shape: shape!.map((dim) => (typeof dim === 'number' ? dim : -1)),
      }))
    files.push({
      fixture,
      folder,
      model: join(folder, artifact.files[0].path),
      metadata: { inputs: describe(signature.inputs), outputs: describe(signature.outputs) },
    })
  }
  return { root, files, remove: () => rm(root, { recursive: true, force: true }) }
}
