import type { ModelFormat } from '@tensorferry/core'

/** Backends of this project, in the order in which they are tried when nobody says. */
export const KNOWN_BACKENDS = ['onnx-node', 'libtorch', 'onnx-web'] as const

/** Which of them reads a format. */
export const READERS: Readonly<Record<ModelFormat, readonly string[]>> = {
  onnx: ['onnx-node', 'onnx-web'],
  torchscript: ['libtorch'],
  'aot-inductor': ['libtorch'],
}

const PREFIX = '@tensorferry/backend-'

/** `onnx-node` for `@tensorferry/backend-onnx-node`; other names as they are. */
export function shortName(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
}

/** What a table calls a backend: by the name it was asked for, or by its own where that was a path. */
export function displayName(name: string, own: string): string {
  return /[\\/]/.test(name) && !name.startsWith('@') ? own : name
}

/** `@tensorferry/backend-onnx-node` for `onnx-node`; scoped names, paths and `tensorferry-backend-*` as they are. */
export function packageName(name: string): string {
  return /^[a-z][a-z0-9-]*$/.test(name) && !name.startsWith('tensorferry-') ? PREFIX + name : name
}
