// What an app in a browser downloads of core, measured on the app as esbuild writes it, with the parts it really loads.
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildResult, build } from 'esbuild'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { downloadSizes } from '../benchmarks/onnx-web/download-size.mjs'
import { answerOf, createNpmProject, packPackages } from './packed-projects.ts'
import { ROOT } from './workspace.ts'

/** Loads the digits bundle by its URL and names a digit that someone drew, as pixels. */
const APP = `import { type Backend, bundle, loadModel } from '@tensorferry/core'

export async function nameDigit(backend: Backend, url: string, width: number, height: number, data: Uint8Array<ArrayBuffer>) {
  const model = await loadModel(bundle<{ task: 'image-classification' }>(url), { backend })
  const [best] = await model.predict({ mode: 'L', width, height, data })
  await model.dispose()
  return { label: best!.label, verified: model.report.verify.cases.length }
}
`
/** Bytes after gzip, core's dependencies included. */
const LIMIT = 25_000

let folder: string
let server: Server
let built: BuildResult<{ metafile: true }>

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-browser-')))
  await createNpmProject(folder, await packPackages(folder, ['@tensorferry/core']), {})
  await writeFile(join(folder, 'app.ts'), APP)
  built = await build({
    entryPoints: [join(folder, 'app.ts')],
    absWorkingDir: folder,
    outdir: join(folder, 'app'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    metafile: true,
    logLevel: 'silent',
  })
  const digits = join(ROOT, 'examples/bundles/digits')
  server = createServer((request, response) => {
    createReadStream(join(digits, basename(request.url!)))
      .once('error', () => response.writeHead(404).end())
      .pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

/** Runs the app, and gives the files of it that were loaded. */
async function loadedFiles(): Promise<readonly string[]> {
  const { data, info } = await sharp(join(ROOT, 'examples/digits/samples/3.png'))
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const coverage = join(folder, 'coverage')
  await mkdir(coverage)
  const backend = pathToFileURL(join(ROOT, 'packages/backend-onnx-node/dist/index.js')).href
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/digits/`
  const answer = await answerOf(
    folder,
    'main.mjs',
    `import { onnxNode } from '${backend}'
import { nameDigit } from './app/app.mjs'
const answer = await nameDigit(
  onnxNode(), '${url}', ${info.width}, ${info.height}, Uint8Array.from(${JSON.stringify([...data])}),
)
process.stdout.write(JSON.stringify(answer))`,
    { NODE_V8_COVERAGE: coverage },
  )
  expect(answer).toEqual({ label: '3', verified: 1 })
  const reports = await Promise.all((await readdir(coverage)).map((name) => readFile(join(coverage, name), 'utf8')))
  const urls = reports.flatMap((text) => JSON.parse(text).result.map((script: { url: string }) => script.url))
  const app = pathToFileURL(join(folder, 'app')).href
  return [...new Set<string>(urls)].filter((one) => one.startsWith(app)).map((one) => basename(one))
}

test('an app that loads and runs digits takes less than 25 kB of core, gzipped', async () => {
  const outputs = await Promise.all(
    Object.entries(built.metafile.outputs).map(async ([path, { inputs }]) => {
      const bytes = gzipSync(await readFile(join(folder, path)), { level: 9 }).length
      return { file: basename(path), bytes, inputs: Object.keys(inputs).map((input) => basename(input)) }
    }),
  )
  const loaded = await loadedFiles()
  expect(loaded).toContain('app.mjs')
  const sum = (files: typeof outputs): number => files.reduce((bytes, file) => bytes + file.bytes, 0)
  const taken = sum(outputs.filter(({ file }) => loaded.includes(file)))
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
  const parts = outputs.map(({ file, bytes, inputs }) => {
    const when = loaded.includes(file) ? 'loaded' : 'not needed'
    return `${kilobytes(bytes)} ${when}: ${inputs.join(', ')}`
  })
  console.log(
    `core in a browser: ${kilobytes(taken)} gzipped, ${kilobytes(sum(outputs))} with all that loads on demand`,
  )
  expect(taken, parts.join('\n')).toBeLessThan(LIMIT)
})

test('a page that loads digits by URL takes at most 30 kB of core and onnx-web, and 3.8 MB with the runtime', async () => {
  const { own, total, app } = await downloadSizes()
  console.log(
    `core and onnx-web: ${own} bytes gzipped of our own, ${app} with valibot and without the worker, ${total} in all`,
  )
  expect(own).toBeGreaterThan(20_000)
  expect(own).toBeLessThanOrEqual(30_000)
  expect(total).toBeLessThanOrEqual(3_800_000)
})

test('a browser gets nothing of Node’s and no picture library', async () => {
  const { inputs, outputs } = built.metafile
  for (const [path, { imports }] of Object.entries(outputs)) {
    expect(await readFile(join(folder, path), 'utf8')).not.toMatch(/['"`]node:|\bprocess\.|\brequire\(/)
    expect(imports.filter(({ external }) => external)).toEqual([])
  }
  const packages = Object.keys(inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'the app')
  expect([...new Set(packages)].sort()).toEqual(['@tensorferry/core', 'the app', 'valibot'])
})
