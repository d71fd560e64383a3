// What an app in a browser downloads of core.
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNpmProject, packPackages } from './packed-projects.ts'

/** Loads and runs the digits bundle, by its URL and from files, on a backend that comes from elsewhere. */
const APP = `import { bundle, loadModel, type Backend } from '@tensorferry/core'

export async function main(backend: Backend, files: Map<string, Blob>, picture: Blob) {
  const source = bundle<{ task: 'image-classification' }>(files.size > 0 ? files : '/digits/')
  const model = await loadModel(source, { backend })
  return model.predict(picture)
}
`
/** Bytes after gzip, core's dependencies included. */
const LIMIT = 25_000

let folder: string
let code: Uint8Array
let metafile: Metafile

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-browser-')))
  await createNpmProject(folder, await packPackages(folder, ['@tensorferry/core']), {})
  await writeFile(join(folder, 'app.ts'), APP)
  const result = await build({
    entryPoints: [join(folder, 'app.ts')],
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  code = result.outputFiles[0]!.contents
  metafile = result.metafile
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('an app that loads and runs digits takes less than 25 kB of core, gzipped', () => {
  const { length } = gzipSync(code, { level: 9 })
  const [output] = Object.values(metafile.outputs)
  const parts = Object.entries(output!.inputs).map(([path, { bytesInOutput }]) => `${bytesInOutput} ${path}`)
  console.log(
    `core in a browser: ${(length / 1000).toFixed(1)} kB gzipped, ${(code.length / 1000).toFixed(1)} kB minified`,
  )
  expect(length, parts.join('\n')).toBeLessThan(LIMIT)
})

test('a browser gets nothing of Node’s and no picture library', () => {
  const text = new TextDecoder().decode(code)
  expect(text).not.toMatch(/['"]node:/)
  const [output] = Object.values(metafile.outputs)
  expect(output!.imports).toEqual([])
  const packages = Object.keys(metafile.inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  expect([...new Set(packages)].sort()).toEqual(['@tensorferry/core', 'valibot', undefined])
})
