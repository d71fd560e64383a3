import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', worker: 'src/worker.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  splitting: true,
  clean: true,
  dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
})
