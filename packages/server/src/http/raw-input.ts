import { type RawInput, type Tensor, TensorferryError } from '@tensorferry/core'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import type { ServedModel } from '../models/served-model.ts'
import { bodyText, isObject, parseJsonObject } from '../protocol/parse-json.ts'
import { HttpRefusal } from './http-refusal.ts'
import { readForm } from './multipart.ts'

/** One input of `predict`: a picture or tensor, or an object of them by the names of the bundle's raw inputs. */
export type Raw = RawInput | Readonly<Record<string, RawInput>>

/** What the first steps of a bundle read. */
interface RawSpec {
  readonly name: string
  readonly isImage: boolean
}

function rawSpecs({ manifest, name }: ServedModel): readonly RawSpec[] {
  const specs = (manifest?.preprocess ?? []).map(({ raw, steps }) => ({
    name: raw,
    isImage: steps[0]?.op === 'decode_image',
  }))
  if (specs.length > 0) return specs
  throw new TensorferryError(
    'INPUT_INVALID',
    `${name} has no preprocess steps: it takes tensors alone, at /v2/models/${name}/infer`,
  )
}

function tensorOf(value: unknown, name: string): Tensor<'float32'> {
  if (!isObject(value) || !Array.isArray(value.shape)) {
    throw new TensorferryError('INPUT_INVALID', `${name}: expected {"shape": […], "data": […]}, numbers of float32`)
  }
  return tensorFromJsonData('FP32', value.shape, value.data, name) as Tensor<'float32'>
}

/** JSON is read on the event loop here. */
const MOST_JSON_BYTES = 1024 * 1024

function fromJson(body: Buffer, specs: readonly RawSpec[]): Raw {
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
  if (specs.length === 1) return tensorOf(value, specs[0]!.name)
  return Object.fromEntries(specs.map(({ name }) => [name, tensorOf(value[name], name)]))
}

async function fromForm(body: Buffer, contentType: string, specs: readonly RawSpec[]): Promise<readonly Raw[]> {
  const files = await readForm(body, contentType)
  if (files.length === 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'the form has no file; with curl: -F image=@FILE')
  }
  if (specs.length === 1) return files.map(({ bytes }) => bytes)
  const raws = new Map(files.map(({ field, bytes }) => [field, bytes]))
  const missing = specs.filter(({ name }) => !raws.has(name)).map(({ name }) => name)
  if (missing.length > 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', `the form has no file in the field ${missing.join(', ')}`)
  }
  return [Object.fromEntries(specs.map(({ name }) => [name, raws.get(name)!]))]
}

/**
 * What a body holds for a model's pipeline: a picture's bytes, a form with one or several files under any field name (a bundle
 * with several raw inputs takes one under each of their names), or for pipelines that begin with a tensor JSON of shape and data.
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
  if (/^application\/([^;]+\+)?json\b/.test(type)) return [fromJson(body, specs)]
  if (specs.length === 1) return [body]
  const names = specs.map(({ name }) => name).join(', ')
  throw new HttpRefusal(400, 'INPUT_INVALID', `this model takes ${names}: send a form with a file under each name`)
}
