import { createRequire } from 'node:module'

/** What the server says of itself. */
export interface ServerMetadata {
  readonly name: string
  readonly version: string
  /** The protocol's optional parts that are here. */
  readonly extensions: readonly string[]
}

/** The same over REST and gRPC. */
export function serverMetadata(): ServerMetadata {
  const { version } = createRequire(import.meta.url)('@tensorferry/server/package.json') as { version: string }
  return {
    name: 'tensorferry',
    version,
    extensions: ['binary_tensor_data', 'classification', 'model_configuration', 'model_repository', 'statistics'],
  }
}
