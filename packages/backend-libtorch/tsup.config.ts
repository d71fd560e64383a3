import { rm } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

const common: Options = { format: 'esm', target: 'es2022', platform: 'node', splitting: false }

export default defineConfig(async () => {
  await rm('dist', { recursive: true, force: true })
  return [
    {
      ...common,
      entry: { index: 'src/index.ts' },
      dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
    },
    { ...common, entry: { cli: 'src/cli.ts' } },
    { ...common, entry: { trial: 'src/trial/trial.ts' } },
  ]
})
