import { describeGiven } from './describe-given.ts'
import { TensorferryError } from './errors.ts'
import type { LoadReport } from './report.ts'
import type { Tensors } from './tensor.ts'

// Loaded when an error is met: apps whose bundle is right, and that call what it has, do without these messages.

/** `predict` and its halves, called on a model that has no steps. */
export function noPipeline(call: string, { bundle, source, backend, artifact }: LoadReport): TensorferryError {
  if (bundle === null && artifact === null && source === backend) {
    return new TensorferryError(
      'OPTIONS_INVALID',
      `${call}: the model is what ${backend} has, without a bundle that says what pictures and labels are; use run with tensors, or load it with its bundle: loadModel('./bundle', { backend })`,
    )
  }
  return new TensorferryError(
    'OPTIONS_INVALID',
    bundle === null
      ? `${call}: ${source} is a bare model, which says nothing of pictures or labels; use run with tensors, or export a bundle with preprocess steps`
      : `${call}: the bundle ${bundle.name} has neither preprocess nor postprocess steps; use run with tensors, or export it again with steps`,
  )
}

function invalidBundle(reason: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `bundle.json: ${reason}`)
}

/** Steps of a bundle that do not fit together. */
export function wrongSteps(error: TensorferryError): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `bundle.json: ${error.message}`, {
    details: { ...error.details },
    cause: error,
  })
}

/** Steps that begin or end at several names. */
export function notOneName(of: string, names: readonly string[]): TensorferryError {
  return invalidBundle(`${of}: expected one name, got ${names.join(', ')}`)
}

/** A task whose postprocess gives something else. */
export function otherResult(task: string, promised: string, given: string): TensorferryError {
  return invalidBundle(`task ${task} promises ${promised}, its postprocess gives ${given}`)
}

/** Labels that are not as many as the classes. */
export function otherLabels(labels: number, classes: number, output: string): TensorferryError {
  return invalidBundle(`labels: ${labels} names for ${classes} classes, the last dim of output ${output}`)
}

/** An output that postprocess begins with, and that is not there. */
export function noOutput(output: string, outputs: Tensors | null | undefined): TensorferryError {
  return new TensorferryError(
    'INPUT_INVALID',
    `postprocess: expected output ${output}, got ${Object.keys(outputs ?? {}).join(', ') || 'nothing'}`,
  )
}

/** A raw input that is missing, the name of a file, or a promise of one. */
export function notRaw(raw: string, value: unknown): TensorferryError {
  const name = JSON.stringify(String(value).slice(0, 80))
  const got =
    typeof value === 'string'
      ? `${name}; read the file first: await readFile(${name}), in a browser await (await fetch(url)).blob()`
      : Array.isArray(value)
        ? `a list of ${value.length}; predict takes one at a time: await Promise.all(list.map((one) => model.predict(one)))`
        : describeGiven(value)
  return new TensorferryError(
    'INPUT_INVALID',
    `${raw}: expected a raw input, such as a file's bytes or pixels, got ${got}`,
    { details: { raw } },
  )
}
