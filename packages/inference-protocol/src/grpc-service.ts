import { fileURLToPath } from 'node:url'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** Name of the service in addresses. */
const SERVICE = 'inference.GRPCInferenceService'

let loaded: ServiceDefinition | undefined

/**
 * The service as `grpc_predict_v2.proto` has it, which lies beside the file that calls.
 * Raw tensors are not copied when a message is read, and once when it is written.
 */
export function inferenceService(): ServiceDefinition {
  if (!loaded) {
    const file = fileURLToPath(new URL('grpc_predict_v2.proto', import.meta.url))
    const definitions = loadSync(file, { keepCase: true, longs: String, enums: String, defaults: true })
    loaded = definitions[SERVICE] as ServiceDefinition
  }
  return loaded
}
