import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { defineConfig, type Options } from 'tsup'

/** Decoders in WebAssembly, as text in files of their own. With esbuild's loader alone their paths here would stand in a comment. */
const wasmText: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'wasm-text',
  setup(build) {
    build.onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => ({
      path: relative('.', join(resolveDir, path)),
      namespace: 'text',
    }))
    build.onLoad({ filter: /\.wasm$/, namespace: 'text' }, async ({ path }) => ({
      contents: await readFile(path),
      loader: 'base64',
    }))
  },
}

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    names: 'src/names.ts',
    node: 'src/node.ts',
    'testing/index': 'src/testing/index.ts',
    'platform/node': 'src/platform/node.ts',
    'platform/web': 'src/platform/web.ts',
    'platform/printer-node': 'src/platform/printer-node.ts',
    'platform/printer-web': 'src/platform/printer-web.ts',
  },
  format: 'esm',
  target: 'es2022',
  esbuildPlugins: [wasmText],
  platform: 'neutral',
  splitting: true,
  clean: true,
  dts: process.env.TENSORFERRY_SKIP_DTS
    ? false
    : { entry: ['src/index.ts', 'src/names.ts', 'src/node.ts', 'src/testing/index.ts'] },
  external: ['#platform', '#printer', 'sharp', /^node:/],
})
