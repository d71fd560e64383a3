import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const DIST = fileURLToPath(new URL('../../packages/backend-onnx-web/dist/', import.meta.url))
const APP = `import { loadModel } from '@tensorferry/core'
import { onnxWeb } from '@tensorferry/backend-onnx-web'
globalThis.load = (url) => loadModel(url, { backend: onnxWeb() })`
/**
 * What is loaded on demand and counts: the store of downloads. Not counted, for a page that loads digits and names what is
 * drawn on a canvas never loads it: words for errors, the decoder of picture files, streams, WebAssembly for large pictures.
 */
const NEEDED = /web-download-store/

const gzipped = (content) => gzipSync(content, { level: 9 }).length
const packed = async (path) => gzipped(await readFile(path))

/**
 * An app with core and this backend, as esbuild writes it.
 *
 * @param {string[]} external - packages that are left out
 * @returns `files`: all of it, by name; `loaded`: names of those that digits needs, beginning with `stdin.js`
 */
export async function buildApp(external = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: APP, resolveDir: dirname(fileURLToPath(import.meta.url)) },
    outdir: 'app',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
    write: false,
    external,
    logLevel: 'error',
    tsconfigRaw: {},
  })
  const chunks = new Map(Object.entries(metafile.outputs).map(([path, output]) => [path.split('/').pop(), output]))
  const loaded = new Set()
  const visit = (name) => {
    if (loaded.has(name) || !chunks.has(name)) return
    loaded.add(name)
    for (const { path, kind } of chunks.get(name).imports) {
      const next = path.split('/').pop()
      if (kind !== 'dynamic-import' || NEEDED.test(next)) visit(next)
    }
  }
  visit('stdin.js')
  const files = new Map(outputFiles.map(({ path, contents }) => [path.split('/').pop(), contents]))
  return { files, loaded }
}

async function appSize(external) {
  const { files, loaded } = await buildApp(external)
  return [...loaded].reduce((sum, name) => sum + gzipped(files.get(name)), 0)
}

/**
 * Bytes after gzip that a page downloads before its first answer of digits, which it loads by URL, its golden replayed and
 * its files kept in the browser's cache.
 *
 * @returns `total`: everything but the model; `own`: this SDK's own script, without valibot and ONNX Runtime's script
 */
export async function downloadSizes() {
  const runtimeScript = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-web')), 'ort.wasm.min.mjs')
  const files = ['worker.js', 'ort-wasm.js', 'ort-wasm.wasm']
  const sizes = Object.fromEntries(await Promise.all(files.map(async (name) => [name, await packed(DIST + name)])))
  const app = await appSize([])
  const ownApp = await appSize(['valibot'])
  const ownWorker = sizes['worker.js'] - (await packed(runtimeScript))
  return {
    total: app + Object.values(sizes).reduce((sum, size) => sum + size, 0),
    own: ownApp + ownWorker,
    sizes,
    app,
    ownApp,
    ownWorker,
  }
}
