import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { defineConfig, type Options } from 'tsup'

const common: Options = { format: 'esm', target: 'es2022', platform: 'neutral' }

/** Modules of which there must be one alone, by this package's own name. */
const SHARED = ['errors', 'tensor'].map((name) => resolve(`src/${name}.ts`))

export default defineConfig(async () => {
  await rm('dist', { recursive: true, force: true })
  return [
    {
      ...common,
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
      splitting: true,
      dts: process.env.TENSORFERRY_SKIP_DTS
        ? false
        : { entry: ['src/index.ts', 'src/names.ts', 'src/node.ts', 'src/testing/index.ts'] },
      external: ['#platform', '#printer', '#geometry', 'sharp', /^node:/],
    },
    {
      // A copy of its own: what index.ts exports too, bundlers would put into an app's first file.
      ...common,
      entry: { geometry: 'src/pipeline/steps/geometry.ts' },
      splitting: false,
      dts: false,
      esbuildPlugins: [
        {
          name: 'shared modules',
          setup({ onResolve }) {
            onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) =>
              SHARED.includes(resolve(resolveDir, path)) ? { path: '@tensorferry/core', external: true } : null,
            )
          },
        },
      ],
    },
  ]
})
