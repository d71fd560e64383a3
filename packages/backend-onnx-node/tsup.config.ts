import { rm } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

/** The worker as text, for apps that a bundler has put into one file. */
const workerText: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'worker-text',
  setup(build) {
    build.onResolve({ filter: /^worker-text$/ }, ({ path }) => ({ path, namespace: 'worker-text' }))
    build.onLoad({ filter: /.*/, namespace: 'worker-text' }, async () => {
      const { outputFiles } = await build.esbuild.build({
        entryPoints: ['src/worker.ts'],
        bundle: true,
        platform: 'node',
        format: 'cjs',
        target: 'es2022',
        minify: true,
        write: false,
        tsconfigRaw: {},
        logLevel: 'error',
        define: { 'import.meta.url': 'undefined' },
      })
      return { contents: outputFiles[0]!.text, loader: 'text' }
    })
  },
}

const common: Options = { format: 'esm', target: 'es2022', platform: 'node', splitting: false }

export default defineConfig(async () => {
  await rm('dist', { recursive: true, force: true })
  return [
    {
      ...common,
      entry: { index: 'src/index.ts' },
      esbuildPlugins: [workerText],
      dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
    },
    // The worker carries the little it needs of core: importing all of it would take longer than ONNX Runtime itself.
    {
      ...common,
      entry: { worker: 'src/worker.ts' },
      noExternal: ['@tensorferry/core'],
      treeshake: true,
    },
  ]
})
