import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { defineConfig, type Options } from 'tsup'

const runtimeFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'))
const { TENSORFERRY_SKIP_DTS } = process.env

const NOTICE = `ort-wasm*.js and ort-wasm*.wasm, and parts of worker*.js and service-worker.js, are of onnxruntime-web,
https://github.com/microsoft/onnxruntime, Copyright (c) Microsoft Corporation, MIT License:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

/** The runtime's own files lie beside ours, so that one static URL leads to all; `.js` because servers often lack `.mjs`. */
async function copyRuntime(): Promise<void> {
  await mkdir('dist', { recursive: true })
  for (const [from, to] of [
    ['ort-wasm-simd-threaded', 'ort-wasm'],
    ['ort-wasm-simd-threaded.jspi', 'ort-wasm-gpu'],
  ]) {
    await copyFile(join(runtimeFolder, `${from}.mjs`), join('dist', `${to}.js`))
    await copyFile(join(runtimeFolder, `${from}.wasm`), join('dist', `${to}.wasm`))
  }
  await writeFile(join('dist', 'NOTICE.txt'), NOTICE)
}

const common: Options = {
  format: 'esm',
  target: 'es2022',
  splitting: false,
  external: ['#host', '@tensorferry/core'],
}
/** Whole in one file: a worker has no import map, and a bundler copies it as it is. */
const whole: Options = { noExternal: [/.*/], external: [/^node:/], treeshake: true, minify: true, dts: false }

export default defineConfig(async () => {
  await rm('dist', { recursive: true, force: true })
  await copyRuntime()
  return [
    {
      ...common,
      platform: 'neutral',
      splitting: true,
      entry: { index: 'src/index.ts', 'host-web': 'src/host-web.ts' },
      dts: TENSORFERRY_SKIP_DTS ? false : { entry: { index: 'src/index.ts' } },
    },
    { ...common, platform: 'node', entry: { 'host-node': 'src/host-node.ts' } },
    {
      ...common,
      ...whole,
      platform: 'browser',
      entry: { worker: 'src/worker/web.ts', 'worker-gpu': 'src/worker/web-gpu.ts' },
      esbuildOptions: (options) => {
        options.conditions = ['onnxruntime-web-use-extern-wasm']
      },
    },
    { ...common, ...whole, platform: 'node', entry: { 'worker-node': 'src/worker/node.ts' } },
    {
      ...common,
      platform: 'browser',
      noExternal: ['onnxruntime-web'],
      // Else every module's path on this machine stands in a comment.
      minifyWhitespace: true,
      entry: { 'service-worker': 'src/service-worker.ts' },
      dts: TENSORFERRY_SKIP_DTS ? false : { entry: { 'service-worker': 'src/service-worker.ts' } },
    },
  ]
})
