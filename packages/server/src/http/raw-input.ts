import { type RawInput, type RawInputs, type Tensor, TensorferryError, type TensorSpec } from '@tensorferry/core'
import { unknownName } from '@tensorferry/core/names'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import type { ServedModel } from '../models/served-model.ts'
import { bodyText, isObject, parseJson, parseJsonObject } from '../protocol/parse-json.ts'
import { HttpRefusal } from './http-refusal.ts'
import { splitRows, tensorFromJson } from './json-inputs.ts'
import { readForm } from './multipart.ts'

/** One input of `predict`: a picture or tensor, or an object of them by the names of the bundle's raw inputs. */
export type Raw = RawInput | RawInputs

/** What the first steps of a bundle read. */
interface RawSpec {
  readonly name: string
  readonly isImage: boolean
  /** Of an input that no step makes: it is given as a tensor. */
  readonly tensor?: TensorSpec
}

function rawSpecs({ manifest, name, signature }: ServedModel): readonly RawSpec[] {
  const before = manifest?.preprocess ?? []
  if (before.length === 0 && !manifest?.postprocess.length) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${name} has neither preprocess nor postprocess steps: it takes and gives tensors, at /v2/models/${name}/infer`,
    )
  }
  const made = new Set([...before.flatMap(({ to }) => to), ...signature.states.map(({ input }) => input)])
  return [
    ...before.map(({ raw, steps }) => ({ name: raw, isImage: steps[0]?.op === 'decode_image' })),
    ...signature.inputs
      .filter((spec) => !made.has(spec.name))
      .map((tensor) => ({ name: tensor.name, isImage: false, tensor })),
  ]
}

function tensorOf(value: unknown, name: string): Tensor<'float32'> {
  if (!isObject(value) || !Array.isArray(value.shape)) {
    throw new TensorferryError('INPUT_INVALID', `${name}: expected {"shape": […], "data": […]}, numbers of float32`)
  }
  return tensorFromJsonData('FP32', value.shape, value.data, name) as Tensor<'float32'>
}

/** JSON is read on the event loop here. */
const MOST_JSON_BYTES = 1024 * 1024

function fromJson(body: Buffer, specs: readonly RawSpec[], model: ServedModel): readonly Raw[] {
  const image = specs.find(({ isImage }) => isImage)
  if (image) {
    const accept = { accept: 'image/png, image/jpeg, image/webp, multipart/form-data' }
    const message = `${image.name} is a picture: send the file's bytes as the body, or a form with it`
    throw new HttpRefusal(415, 'FORMAT_UNSUPPORTED', message, accept)
  }
  if (body.length > MOST_JSON_BYTES) {
    throw new HttpRefusal(
      413,
      'BODY_TOO_LARGE',
      `JSON may have ${MOST_JSON_BYTES} bytes here; larger tensors go to infer`,
    )
  }
  const value = parseJsonObject(bodyText(body))
  if (specs.length === 1 && !specs[0]!.tensor) return [tensorOf(value, specs[0]!.name)]
  const unknown = Object.keys(value).find((key) => !specs.some(({ name }) => name === key))
  if (unknown !== undefined) {
    const names = specs.map(({ name }) => name)
    throw new TensorferryError('INPUT_INVALID', unknownName('input', unknown, names))
  }
  const inputs = Object.fromEntries(
    specs.map(({ name, tensor }) => [name, tensor ? tensorFromJson(value[name], tensor) : tensorOf(value[name], name)]),
  )
  return specs.every(({ tensor }) => tensor) ? splitRows(inputs, model) : [inputs]
}

async function fromForm(body: Buffer, contentType: string, specs: readonly RawSpec[]): Promise<readonly Raw[]> {
  const files = await readForm(body, contentType)
  if (files.length === 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'the form has no file; with curl: -F image=@FILE')
  }
  if (specs.length === 1 && !specs[0]!.tensor) return files.map(({ bytes }) => bytes)
  const raws = new Map(files.map(({ field, bytes }) => [field, bytes]))
  const missing = specs.filter(({ name }) => !raws.has(name)).map(({ name }) => name)
  if (missing.length > 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', `the form has no file in the field ${missing.join(', ')}`)
  }
  const values = specs.map(({ name, tensor }) => {
    const bytes = raws.get(name)!
    return [name, tensor ? tensorFromJson(parseJson(bodyText(bytes)), tensor) : bytes]
  })
  return [Object.fromEntries(values)]
}

/**
 * What a body holds for a model's pipeline: a picture's bytes, a form with one or several files under any field name (a bundle
 * with several raw inputs takes one under each of their names), or for inputs that are tensors JSON: nested lists by name, or
 * shape and data.
 *
 * @returns one entry for each answer
 * @throws TensorferryError `INPUT_INVALID`; HttpRefusal 400, 415
 */
export async function readRaw(
  body: Buffer | undefined,
  contentType: string | undefined,
  model: ServedModel,
): Promise<readonly Raw[]> {
  const specs = rawSpecs(model)
  const type = contentType?.toLowerCase() ?? ''
  if (!body || body.length === 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'the request has no body; with curl: --data-binary @FILE')
  }
  if (type.startsWith('multipart/form-data')) return fromForm(body, contentType!, specs)
  if (/^application\/([^;]+\+)?json\b/.test(type)) return fromJson(body, specs, model)
  if (specs.length === 1 && !specs[0]!.tensor) return [body]
  const names = specs.map(({ name }) => name).join(', ')
  throw new HttpRefusal(
    400,
    'INPUT_INVALID',
    `this model takes ${names}: send ${specs.some(({ isImage }) => isImage) ? 'a form with a file under each name' : 'JSON of nested lists by name, content-type application/json'}`,
  )
}
