import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  splitting: true,
  clean: true,
  dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
})
