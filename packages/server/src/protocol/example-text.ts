import type { ModelExample } from '../models/model-example.ts'
import type { ServedModel } from '../models/served-model.ts'
import { rawSpecs } from './raw-specs.ts'

/** A body for `predict` with the model's own picture; null: it has none, or takes something else. */
export function predictExample(model: ServedModel, { picture }: ModelExample): object | null {
  const specs = rawSpecs(model)
  if (!picture || !specs.every(({ kind }) => kind === 'image')) return null
  const text = Buffer.from(picture).toString('base64')
  return Object.fromEntries(specs.map(({ name }) => [name, text]))
}

/** What `GET /v2/models/MODEL/example` says: what `predict` takes, and bodies of requests that the model answers. */
export function exampleText(model: ServedModel, example: ModelExample): string {
  const takes = rawSpecs(model).map(({ name, kind, datatype }) =>
    kind === 'image' ? { name, kind } : { name, kind, datatype },
  )
  const fields = { model_name: model.name, model_version: model.version, takes }
  const predict = JSON.stringify(predictExample(model, example))
  // As text: digits of 64 bits stay.
  return `${JSON.stringify(fields).slice(0, -1)},"predict":${predict},"infer":${example.infer ?? 'null'}}`
}
