import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { type LoadOptions, loadModel, type Progress } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { afterAll, expect, test } from 'vitest'
import { packageOf, packagePath, trusting } from './aot/package-file.ts'
import { describeWithLibtorch, describeWithPackages, libtorchRoot } from './environment.ts'
import { fixturePath } from './model-file.ts'

const root = mkdtempSync(join(tmpdir(), 'tensorferry-'))
afterAll(() => rmSync(root, { recursive: true }))

const backend = libtorch({ libtorch: libtorchRoot, threads: 1 })
const bundle = fileURLToPath(new URL('../../../examples/bundles/digits', import.meta.url))
const SWAPPED = {
  code: 'INTEGRITY_FAILED',
  message: expect.stringContaining('the file was changed, moved or replaced while it was being loaded'),
}

/** Other content in its place, at the last moment before libtorch opens it. */
function swapAtLoad(path: string, content: () => Uint8Array): LoadOptions['onProgress'] {
  return ({ phase, loaded }: Progress) => {
    if (phase !== 'load' || loaded !== 0) return
    writeFileSync(`${path}.new`, content())
    renameSync(`${path}.new`, path)
  }
}

function copyOf(source: string, name: string): string {
  const target = join(mkdtempSync(join(root, 'copy-')), name)
  cpSync(source, target, { recursive: true })
  return target
}

describeWithLibtorch('a file that is swapped after it was checked', () => {
  test.each([
    ['a model of other numbers', () => readFileSync(fixturePath('mlp-10-10.pt'))],
    ['what libtorch cannot read', () => new Uint8Array(5000)],
  ])('TorchScript, by %s', async (_, content) => {
    const folder = copyOf(bundle, 'digits')
    const onProgress = swapAtLoad(join(folder, 'model.pt'), content)
    await expect(loadModel(folder, { backend, onProgress })).rejects.toMatchObject(SWAPPED)
  })

  test('a bare TorchScript file', async () => {
    const path = copyOf(fixturePath('mlp-10-10.pt'), 'model.pt')
    const onProgress = swapAtLoad(path, () => readFileSync(join(bundle, 'model.pt')))
    await expect(loadModel(path, { backend, onProgress })).rejects.toMatchObject(SWAPPED)
  })
})

describeWithPackages('an AOTInductor package that is swapped after it was checked', () => {
  test('nothing of the other one is written or runs', async () => {
    const path = copyOf(packagePath('mlp'), 'model.pt2')
    const artifact = packageOf(() => readFileSync(path))
    const onDisk = { ...artifact, files: [{ ...artifact.files[0], localFile: () => openLocalFile(path) }] as const }
    const onProgress = swapAtLoad(path, () => readFileSync(packagePath('even')))
    await expect(trusting().createSession({ artifact: onDisk }, { onProgress })).rejects.toMatchObject(SWAPPED)
  })
})
