import type { ModelFormat } from '@tensorferry/core'
import { BACKENDS } from '@tensorferry/core/node'

const PREFIX = '@tensorferry/backend-'

/** `onnx-node` for `@tensorferry/backend-onnx-node`; other names as they are. */
export function shortName(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
}

/** Backends of this project, in the order in which they are tried when nobody says. */
export const KNOWN_BACKENDS: readonly string[] = BACKENDS.map((known) => shortName(known.package))

/** Those that run nothing until they are told where, by `--backend` or a config. */
const NEED_OPTIONS = new Set(BACKENDS.filter((known) => known.needsOptions).map((known) => known.package))

/** Whether a backend may be taken because it is installed. */
export function runsUnasked(packageName: string): boolean {
  return !NEED_OPTIONS.has(packageName)
}

/** Which of them read a format. */
export function readersOf(format: ModelFormat): readonly string[] {
  return BACKENDS.filter(({ formats }) => formats.includes(format)).map((known) => shortName(known.package))
}

/** Whether a backend may open a bare file of that format unasked; of somebody else's it says itself once it is loaded. */
export function mayRead(packageName: string, format: ModelFormat): boolean {
  const known = BACKENDS.find((one) => one.package === packageName)
  return !known || (known.formats.includes(format) && !known.needsOptions)
}

/** What a table calls a backend: by the name it was asked for, or by its own where that was a path. */
export function displayName(name: string, own: string): string {
  return /[\\/]/.test(name) && !name.startsWith('@') ? own : name
}

/** `@tensorferry/backend-onnx-node` for `onnx-node`; scoped names, paths and `tensorferry-backend-*` as they are. */
export function packageName(name: string): string {
  return /^[a-z][a-z0-9-]*$/.test(name) && !name.startsWith('tensorferry-') ? PREFIX + name : name
}
