import { copyFile, cp } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'

const common: Options = { format: 'esm', target: 'es2022', platform: 'node', splitting: true }

export default defineConfig([
  {
    ...common,
    entry: {
      index: 'src/index.ts',
      'json-worker': 'src/encode/json-worker.ts',
      'pipeline-worker': 'src/pipeline/pipeline-worker.ts',
    },
    clean: true,
    dts: process.env.TENSORFERRY_SKIP_DTS ? false : { entry: { index: 'src/index.ts' } },
    // Read at run time, from beside the code.
    onSuccess: async () => {
      await copyFile('../inference-protocol/src/grpc_predict_v2.proto', 'dist/grpc_predict_v2.proto')
      await copyFile('src/grpc/grpc_health_v1.proto', 'dist/grpc_health_v1.proto')
      await cp('src/http/page', 'dist/page', { recursive: true })
    },
  },
])
