import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', main: 'src/main.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  // Each command is loaded when it is called: --help and completion answer at once.
  splitting: true,
  clean: true,
  // Files that commands write from, as text.
  loader: { '.py': 'text' },
  dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
})
