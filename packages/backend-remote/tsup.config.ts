import { copyFile } from 'node:fs/promises'
import { defineConfig } from 'tsup'

export default defineConfig({
  // One build: the parts share the class of failures.
  entry: { index: 'src/index.ts', 'grpc-node': 'src/grpc/node.ts', 'grpc-web': 'src/grpc/web.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  clean: true,
  external: ['#grpc', /^@grpc\//, '@tensorferry/core', '@tensorferry/core/names', /^node:/],
  dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: { index: 'src/index.ts' } },
  // Read at run time, from beside the code.
  onSuccess: () => copyFile('../inference-protocol/src/grpc_predict_v2.proto', 'dist/grpc_predict_v2.proto'),
})
