import type { JsonPool } from '../encode/json-pool.ts'
import type { ServedModel } from '../models/served-model.ts'
import { bodyText, parseJson } from '../protocol/parse-json.ts'
import { type RawItem, type RawRequest, type RawSpec, readTensor } from '../protocol/raw-request.ts'
import { isPlain, rawSpecs } from '../protocol/raw-specs.ts'
import { HttpRefusal } from './http-refusal.ts'
import { readForm } from './multipart.ts'
import { splitRows } from './split-rows.ts'

const OPEN_OBJECT = 0x7b
/** What JSON may begin with before its first brace. */
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])

/** No picture begins with a brace, and curl says of everything that it is a form. */
function isJson(body: Buffer, type: string): boolean {
  if (/^application\/([^;]+\+)?json\b/.test(type)) return true
  let start = 0
  while (start < 64 && SPACES.has(body[start]!)) start++
  return body[start] === OPEN_OBJECT
}

async function fromForm(body: Buffer, contentType: string, specs: readonly RawSpec[]): Promise<readonly RawItem[]> {
  const files = await readForm(body, contentType)
  if (files.length === 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'the form has no file; with curl: -F image=@FILE')
  }
  if (specs.length === 1) {
    return files.map(({ field, name, bytes }, index) => ({
      label: files.length === 1 ? '' : `file ${index + 1} (${JSON.stringify(name || field)})`,
      raw: bytes,
    }))
  }
  const raws = new Map(files.map(({ field, bytes }) => [field, bytes]))
  const missing = specs.filter(({ name }) => !raws.has(name)).map(({ name }) => name)
  if (missing.length > 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', `the form has no file in the field ${missing.join(', ')}`)
  }
  const values = specs.map((spec) => {
    const bytes = raws.get(spec.name)!
    return [spec.name, spec.kind === 'input' ? readTensor(parseJson(bodyText(bytes)), spec) : bytes]
  })
  return [{ label: '', raw: Object.fromEntries(values) }]
}

/**
 * What a body holds for a model's pipeline: a picture's bytes, a form with one or several files under any field name (a bundle
 * with several raw inputs takes one under each of their names), or JSON: pictures in base64, tensors, `instances` of them.
 * Where a network's results are made of tensors alone, each of their rows is an entry.
 *
 * @returns one entry for each answer
 * @throws TensorferryError `INPUT_INVALID`; HttpRefusal 400
 */
export async function readRaw(
  body: Buffer | undefined,
  contentType: string | undefined,
  model: ServedModel,
  json: JsonPool,
): Promise<RawRequest> {
  const specs = rawSpecs(model)
  const type = contentType?.toLowerCase() ?? ''
  if (!body || body.length === 0) {
    throw new HttpRefusal(400, 'INPUT_INVALID', 'the request has no body; with curl: --data-binary @FILE')
  }
  const isForm = type.startsWith('multipart/form-data')
  const takesTensors = specs.every(({ kind }) => kind === 'input')
  if (!isForm && isJson(body, type)) {
    const request = await json.readRaw(body, specs)
    const isSplit = takesTensors && !request.isInstances && !isPlain(model)
    return isSplit ? { ...request, items: request.items.flatMap((item) => splitRows(item, model)) } : request
  }
  if (takesTensors) {
    throw new HttpRefusal(
      400,
      'INPUT_INVALID',
      `${model.name} has no preprocess steps: it takes tensors alone, here as {"instances": […]}, or at /v2/models/${model.name}/infer`,
    )
  }
  if (isForm) return { items: await fromForm(body, contentType!, specs), isInstances: false }
  if (specs.length === 1) return { items: [{ label: '', raw: body }], isInstances: false }
  const names = specs.map(({ name }) => name).join(', ')
  throw new HttpRefusal(
    400,
    'INPUT_INVALID',
    `this model takes ${names}: send a form with a file under each name, or JSON with each in base64`,
  )
}
