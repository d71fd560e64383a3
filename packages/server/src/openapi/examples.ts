import type { ServedModel } from '../models/served-model.ts'
import { predictExample } from '../protocol/example-text.ts'

/** What is said of a model to try it: bodies that it answers; null: there is none. */
export interface DescribedModel {
  readonly name: string
  readonly version: string
  readonly infer: unknown
  readonly predict: object | null
}

/** Examples of the models that are ready. */
export async function describeModels(models: readonly ServedModel[]): Promise<readonly DescribedModel[]> {
  return Promise.all(
    models.map(async (model) => {
      const example = await model.example()
      const infer: unknown = example.infer === null ? null : JSON.parse(example.infer)
      return { name: model.name, version: model.version, infer, predict: predictExample(model, example) }
    }),
  )
}

type Examples = Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>

/** Bodies by the names of their models; undefined: there are none. */
export function bodyExamples(
  models: readonly DescribedModel[],
  bodyOf: (model: DescribedModel) => unknown,
): Examples | undefined {
  const found = models.flatMap((model) => {
    const value = bodyOf(model)
    return value === null ? [] : [[model.name, { summary: `${model.name} ${model.version}`, value }] as const]
  })
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

/** A parameter with the models' names, or versions, to choose from; the first belongs to the first body. */
export function withExamples(
  parameter: object,
  models: readonly DescribedModel[],
  textOf: (model: DescribedModel) => string,
): object {
  if (models.length === 0) return parameter
  const examples = Object.fromEntries(models.map((model) => [model.name, { value: textOf(model) }]))
  return { ...parameter, examples }
}

/** An instance of a `predict` body: its one picture as TensorFlow Serving marks bytes, several as they are. */
export function instancesOf({ predict }: DescribedModel): object | null {
  if (!predict) return null
  const values = Object.values(predict)
  return { instances: [values.length === 1 ? { b64: values[0] } : predict] }
}
