import { TensorferryError } from './errors.ts'
import type { LoadReport } from './report.ts'

// Loaded when an error is met: apps that call what their bundle has do without these messages.

/** `predict` and its halves, called on a model that has no steps. */
export function noPipeline(call: string, { bundle, source }: LoadReport): TensorferryError {
  return new TensorferryError(
    'OPTIONS_INVALID',
    bundle === null
      ? `${call}: ${source} is a bare model, which says nothing of pictures or labels; use run with tensors, or export a bundle with preprocess steps`
      : `${call}: the bundle ${bundle.name} has neither preprocess nor postprocess steps; use run with tensors, or export it again with steps`,
  )
}

/** A raw input that is the name of a file, or a promise of one. */
export function notReadYet(raw: string, value: unknown): TensorferryError {
  const got =
    typeof value === 'string'
      ? `${JSON.stringify(value.slice(0, 80))}; read the file first: await readFile(${JSON.stringify(value.slice(0, 80))}), in a browser await (await fetch(url)).blob()`
      : 'a Promise; await it first'
  return new TensorferryError('INPUT_INVALID', `${raw}: expected a file's bytes or pixels, got ${got}`, {
    details: { raw },
  })
}
