import type { RefusedProvider } from '@tensorferry/onnx-shared/model-description'
import type { Problem } from '@tensorferry/onnx-shared/problem'

// Loaded when a provider cannot be used: an app whose provider works does without.

/** A provider of browsers was asked for elsewhere. */
export function onlyWasm(): Problem {
  const message = 'there is only wasm here, the others are a browser’s'
  return { code: 'BACKEND_UNAVAILABLE', message, details: {} }
}

/** Every provider of a list was refused. */
export function noneWorks(refused: readonly RefusedProvider[]): Problem {
  const reasons = refused.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
  const listed = refused.map(({ provider }) => `'${provider}'`).join(', ')
  return {
    code: 'BACKEND_UNAVAILABLE',
    message: `none of the providers works here (${reasons}); to fall back, end the list with 'wasm': provider: [${listed}, 'wasm']`,
    details: { refused },
  }
}
