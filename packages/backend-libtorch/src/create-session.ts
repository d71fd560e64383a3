import {
  type LoadOptions,
  type ModelFormat,
  type SessionSource,
  TensorferryError,
  throwIfAborted,
  withCallOptions,
} from '@tensorferry/core'
import { createAotSession } from './aot/create-aot-session.ts'
import type { ResolvedOptions } from './options.ts'
import type { LibtorchSession } from './session.ts'
import { createTorchScriptSession } from './torchscript/create-torchscript-session.ts'

const CREATE: Partial<Record<ModelFormat, typeof createAotSession>> = {
  torchscript: createTorchScriptSession,
  'aot-inductor': createAotSession,
}

/** Loads a model as the options say; a caller who has left gets nothing, and nothing stays behind. */
export async function createLibtorchSession(
  { artifact, signature }: SessionSource,
  options: ResolvedOptions,
  loadOptions: LoadOptions = {},
): Promise<LibtorchSession> {
  throwIfAborted(loadOptions)
  if (!artifact) {
    throw new TensorferryError('BACKEND_INCOMPATIBLE', 'libtorch runs a model file and was given none; pass a model', {
      details: { backend: 'libtorch' },
    })
  }
  const create = CREATE[artifact.format]
  if (!create) {
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `libtorch reads torchscript and aot-inductor, artifact ${JSON.stringify(artifact.name)} is ${artifact.format}; choose another artifact or backend`,
      { details: { format: artifact.format, expected: Object.keys(CREATE) } },
    )
  }
  let left = false
  const load = async (): Promise<LibtorchSession> => {
    const session = await create(artifact, signature, options, loadOptions)
    // Nobody waits for it any more.
    if (left) await session.dispose()
    return session
  }
  return withCallOptions(loadOptions, load, () => {
    left = true
  })
}
