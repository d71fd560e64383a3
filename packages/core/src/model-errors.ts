import { describeGiven } from './describe-given.ts'
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

/** A raw input that is missing, the name of a file, or a promise of one. */
export function notRaw(raw: string, value: unknown): TensorferryError {
  const name = JSON.stringify(String(value).slice(0, 80))
  const got =
    typeof value === 'string'
      ? `${name}; read the file first: await readFile(${name}), in a browser await (await fetch(url)).blob()`
      : describeGiven(value)
  return new TensorferryError(
    'INPUT_INVALID',
    `${raw}: expected a raw input, such as a file's bytes or pixels, got ${got}`,
    { details: { raw } },
  )
}
