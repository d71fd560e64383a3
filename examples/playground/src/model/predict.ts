import type {
  AnyBundle,
  Classification,
  Model,
  RawImage,
  RawInput,
  StepResult,
  Tensor,
  Tensors,
} from '@tensorferry/core'

/** What a stage holds. */
type StageValue = RawImage | Tensor | readonly Classification[]

/** One stage on the way from the input to the result. */
export interface Stage {
  /** Such as `resize`, or `output logits` for what the network gave. */
  readonly name: string
  readonly part: 'before' | 'network' | 'after'
  /** The step's options in short; empty: it has none. */
  readonly options: string
  readonly value: StageValue
  readonly milliseconds: number
}

/** What one prediction gave, stage by stage. */
export interface PredictionRun {
  readonly stages: readonly Stage[]
  readonly result: RawImage | readonly Classification[] | Tensors
  /** From the raw input to the result, in milliseconds. */
  readonly total: number
}

/** A step's options, as `bundle.json` has them. */
function optionsOf({ step }: StepResult): string {
  return Object.entries(step ?? {})
    .filter(([key]) => key !== 'op')
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(', ') : String(value)}`)
    .join(' · ')
}

/**
 * `predict` in its three parts, with every step shown.
 *
 * @throws TensorferryError as `predict`
 */
export async function predictInStages(model: Model<AnyBundle>, raw: RawInput): Promise<PredictionRun> {
  const stages: Stage[] = []
  const record =
    (part: Stage['part']) =>
    (result: StepResult): void => {
      const { op, value, milliseconds } = result
      stages.push({ name: op, part, options: optionsOf(result), value, milliseconds })
    }
  const start = performance.now()
  const { inputs, context } = await model.preprocess(raw, { onStep: record('before') })
  const before = performance.now()
  const outputs: Tensors = await model.run(inputs)
  const ran = performance.now() - before
  for (const [name, value] of Object.entries(outputs)) {
    stages.push({ name: `output ${name}`, part: 'network', options: '', value, milliseconds: ran })
  }
  const result = await model.postprocess(outputs, context, { onStep: record('after') })
  return { stages, result: result as PredictionRun['result'], total: performance.now() - start }
}

/** Times by the name of the stage; the network's counts once, however many outputs it has. */
export function timesOf({ stages, total }: PredictionRun): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { name, part, milliseconds } of stages) {
    if (part === 'network') times.set('network', milliseconds)
    else times.set(name, (times.get(name) ?? 0) + milliseconds)
  }
  return times.set('total', total)
}
