import { defineConfig } from 'tsup'

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
  platform: 'neutral',
  splitting: true,
  clean: true,
  dts: process.env.TENSORFERRY_SKIP_DTS
    ? false
    : { entry: ['src/index.ts', 'src/names.ts', 'src/node.ts', 'src/testing/index.ts'] },
  external: ['#platform', '#printer', 'sharp', /^node:/],
})
