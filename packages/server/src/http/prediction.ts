import { encodeImage, type Prediction, type Tensors, tagOf } from '@tensorferry/core'
import type { JsonPool } from '../encode/json-pool.ts'
import type { InferReply } from '../protocol/infer-reply.ts'
import { predictionText } from '../protocol/predictions.ts'
import { HttpRefusal } from './http-refusal.ts'

/** Of core's names, what is an image, and what are labels. */
type Image = Extract<Prediction, { readonly width: number; readonly mode: unknown }>
type Labels = Extract<Prediction, readonly unknown[]>

/** Forms in which an image can be sent. */
const FORMATS = { 'image/png': 'png', 'image/jpeg': 'jpeg', 'image/webp': 'webp' } as const
type ImageType = keyof typeof FORMATS

/** A reply's body and type. */
export interface Rendered {
  readonly type: ImageType | 'application/json'
  readonly body: Uint8Array | string
}

function isImage(value: unknown): value is Image {
  const { mode, width, data } = value as Partial<Image>
  return typeof mode === 'string' && typeof width === 'number' && tagOf(data) === 'Uint8Array'
}

/** Types that an Accept header names, the most wanted first. */
function wantedTypes(accept: string | undefined): readonly string[] {
  return (accept ?? '*/*')
    .split(',', 32)
    .map((entry) => {
      const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))
      return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) }
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ type }) => type)
}

function chooseType(accept: string | undefined): Rendered['type'] {
  for (const type of wantedTypes(accept)) {
    if (type === '*/*' || type === 'image/*') return 'image/png'
    if (type === 'application/*') return 'application/json'
    if (type === 'application/json' || Object.hasOwn(FORMATS, type)) return type as Rendered['type']
  }
  throw new HttpRefusal(
    406,
    'FORMAT_UNSUPPORTED',
    'an image can be sent as image/png, image/jpeg, image/webp, or application/json with base64',
  )
}

/** Who writes tensors, and as whose. */
interface RenderOptions extends Pick<InferReply, 'model' | 'version'> {
  readonly json: JsonPool
}

const areTensors = (values: readonly object[]): boolean => values.every((value) => 'dtype' in value)

/** JSON of one result; images as PNG in base64. */
async function toJson(prediction: Prediction, options: RenderOptions): Promise<Uint8Array> {
  if (Array.isArray(prediction)) return Buffer.from(JSON.stringify(prediction))
  if (isImage(prediction)) {
    const file = await encodeImage(prediction)
    const data = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('base64')
    return Buffer.from(JSON.stringify({ width: prediction.width, height: prediction.height, format: 'png', data }))
  }
  const entries = Object.entries(prediction as unknown as Record<string, Prediction>)
  if (areTensors(entries.map(([, value]) => value))) {
    const outputs = entries.map(([name, tensor]) => ({ name, tensor: tensor as never, binary: false }))
    const { model, version, json } = options
    return (await json.write({ model, version, id: null, outputs })).body
  }
  const parts = await Promise.all(entries.map(([, value]) => toJson(value, options)))
  const pieces = entries.flatMap(([name], index) => [
    Buffer.from(`${index > 0 ? ',' : ''}${JSON.stringify(name)}:`),
    parts[index]!,
  ])
  return Buffer.concat([Buffer.from('{'), ...pieces, Buffer.from('}')])
}

/**
 * Writes what `predict` gave: labels, tensors and several results as JSON, one image in the form that is wanted.
 *
 * @param accept - the request's header; default for images: PNG
 * @throws HttpRefusal 406
 */
export async function renderPredictions(
  predictions: readonly Prediction[],
  accept: string | undefined,
  options: RenderOptions,
): Promise<Rendered> {
  const [first] = predictions
  if (predictions.length === 1 && isImage(first)) {
    const type = chooseType(accept)
    if (type !== 'application/json') return { type, body: await encodeImage(first, { format: FORMATS[type] }) }
  }
  const texts = await Promise.all(predictions.map((prediction) => toJson(prediction, options)))
  if (texts.length === 1) return { type: 'application/json', body: texts[0]! }
  const pieces = texts.flatMap((text, index) => (index > 0 ? [Buffer.from(','), text] : [text]))
  return { type: 'application/json', body: Buffer.concat([Buffer.from('['), ...pieces, Buffer.from(']')]) }
}

/**
 * Writes what `predict` gave for `instances`: `{"predictions": […]}`, one for each; images as PNG in base64, tensors as nested
 * arrays.
 */
export async function renderInstances(predictions: readonly Prediction[], options: RenderOptions): Promise<Rendered> {
  const texts = await Promise.all(
    predictions.map(async (prediction) => {
      const isTensors = !Array.isArray(prediction) && !isImage(prediction) && areTensors(Object.values(prediction))
      if (isTensors) return predictionText(prediction as unknown as Tensors, true)
      return Buffer.from(await toJson(prediction, options)).toString()
    }),
  )
  return predictionsOf(texts)
}

/** The reply for texts of JSON. */
export function predictionsOf(texts: readonly string[]): Rendered {
  return { type: 'application/json', body: `{"predictions":[${texts.join(',')}]}` }
}

/** Labels as TorchServe's image classifier gives them: `{label: score}`; anything else as it is. */
export function inTorchServeForm(prediction: Prediction): Prediction | Readonly<Record<string, number>> {
  if (!Array.isArray(prediction)) return prediction
  return Object.fromEntries((prediction as Labels).map(({ label, score }) => [label, score]))
}
