import { copyFile } from 'node:fs/promises'
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  splitting: true,
  clean: true,
  dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: ['src/index.ts'] },
  // Read at run time, from beside the code.
  onSuccess: () => copyFile('../inference-protocol/src/grpc_predict_v2.proto', 'dist/grpc_predict_v2.proto'),
})
