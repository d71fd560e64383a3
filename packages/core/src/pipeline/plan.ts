import * as v from 'valibot'
import { TensorferryError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { withLoops, withLoopsNow } from './loops/choose-loops.ts'
import type { PixelLoops } from './loops/pixel-loops.ts'
import type { RawImage } from './raw-image.ts'
import type { Step, StepContext, ValueKind } from './step.ts'
import { callersPixels, type ImageSource } from './steps/image/decode-image.ts'
import { resizeCenterCrop } from './steps/image/resize-center-crop.ts'
import { toTensorNormalize } from './steps/image/to-tensor-normalize.ts'
import {
  POSTPROCESS_STEPS,
  type PostprocessStep,
  type PostprocessStepInput,
  PREPROCESS_STEPS,
  type PreprocessStep,
  type PreprocessStepInput,
  postprocessStepSchema,
  preprocessStepSchema,
} from './steps/index.ts'
import type { Classification } from './steps/tensor/top-k.ts'

/** Settings of a planner. */
export interface PlanOptions {
  /** Runs neighbouring steps as one where that is faster; the numbers are the same. Default true. */
  readonly fuse?: boolean
}

/** What one step gave, see {@link PlanRunOptions.onStep}. */
export interface StepResult {
  /** As planned; null where several ran as one. */
  readonly step: PreprocessStep | PostprocessStep | null
  /** The step's, or several joined by `+`. */
  readonly op: string
  /** The pipeline's own: look at it, change nothing. */
  readonly value: RawImage | Tensor<'float32' | 'uint8'> | readonly Classification[]
  /** Of this step alone. */
  readonly milliseconds: number
}

/** Settings of one run. */
export interface PlanRunOptions {
  /** Told at once what each step gave. */
  readonly onStep?: ((result: StepResult) => void) | undefined
  /** Runs each step alone where neighbours are else joined; the numbers are the same. Default false. */
  readonly apart?: boolean | undefined
}

/** What a postprocess gives: a tensor, an image, or labels with scores, by its last step. */
export type PostprocessResult = Tensor<'float32'> | RawImage | Classification[]

/** Preprocess steps, checked and ready to run any number of times. */
export interface PreprocessPlan {
  readonly steps: readonly PreprocessStep[]
  /** The ops, those that run as one joined by `+`. */
  readonly groups: readonly string[]
  /**
   * @param raw - what the first step takes
   * @param context - written to: the original size, the kept planes
   * @returns without a batch dimension: an image gives [channels, height, width]; float32, or uint8 after `to_uint8`
   * @throws TensorferryError `INPUT_INVALID`, `DEPENDENCY_MISSING`
   */
  run(
    raw: ImageSource | Tensor<'float32'>,
    context: StepContext,
    options?: PlanRunOptions,
  ): Promise<Tensor<'float32' | 'uint8'>>
}

/** Postprocess steps, checked and ready to run any number of times. */
export interface PostprocessPlan {
  readonly steps: readonly PostprocessStep[]
  /** Of the result. */
  readonly gives: 'tensor' | 'image' | 'labels'
  /**
   * @param output - the model's output of one raw input; batch dimension 1 or none
   * @param context - that of the preprocess run
   * @throws TensorferryError `INPUT_INVALID`
   */
  run(output: Tensor, context: StepContext, options?: PlanRunOptions): PostprocessResult
}

type AnyStep = PreprocessStep | PostprocessStep
type Run = (value: never, context: StepContext) => unknown

interface Group {
  readonly op: string
  /** null: several, joined. */
  readonly step: AnyStep | null
  readonly run: Run
  /** See {@link Step}. */
  readonly runAtOnce?: ((image: RawImage) => RawImage | null) | undefined
}

const ALL_STEPS: Readonly<Record<string, Step>> = {
  ...PREPROCESS_STEPS,
  ...POSTPROCESS_STEPS,
}

function parseSteps<S extends AnyStep>(
  half: string,
  schema: v.GenericSchema<unknown, S>,
  steps: unknown,
): readonly S[] {
  const result = v.safeParse(v.array(schema), steps)
  if (result.success) return result.output
  const [issue] = result.issues
  const [index, ...keys] = issue.path?.map(({ key }) => key) ?? []
  const op = Array.isArray(steps) ? (steps[index as number] as { op?: unknown } | null)?.op : undefined
  const where = index === undefined ? half : `${half}[${index}] (${String(op)})`
  throw new TensorferryError('OPTIONS_INVALID', `${[where, ...keys].join('.')}: ${issue.message}`, {
    details: { half, index, keys },
  })
}

/** Refuses steps that do not fit together; the kind of the last one's result, or null without steps. */
function checkChain(half: string, steps: readonly AnyStep[], first?: ValueKind): ValueKind | undefined {
  let kind = first
  for (const [index, { op }] of steps.entries()) {
    const { takes, gives } = ALL_STEPS[op]!
    if (kind !== undefined && takes !== kind) {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        `${half}[${index}] (${op}): takes ${takes}, and ${index === 0 ? 'an output' : `${steps[index - 1]!.op} before it`} is ${kind}`,
        { details: { half, index, takes, got: kind } },
      )
    }
    kind = gives
  }
  return kind
}

function singleStep(step: AnyStep): Group {
  const { op, run, runAtOnce } = ALL_STEPS[step.op]!
  return {
    op,
    step,
    run: (value, context) => run(value, step as never, context),
    runAtOnce: runAtOnce && ((image) => runAtOnce(image, step as never)),
  }
}

function fusedSteps(step: AnyStep, next: AnyStep | undefined): Group | null {
  if (step.op === 'resize' && next?.op === 'center_crop') {
    const resize = (image: RawImage) => (loops: PixelLoops) => resizeCenterCrop(image, step, next, loops)
    return {
      op: 'resize+center_crop',
      step: null,
      run: (image) => withLoops(image, resize(image)),
      runAtOnce: (image) => withLoopsNow(image, resize(image)),
    }
  }
  if (step.op === 'to_tensor' && next?.op === 'normalize') {
    return { op: 'to_tensor+normalize', step: null, run: (image) => toTensorNormalize(image, next) }
  }
  return null
}

function groupSteps(steps: readonly AnyStep[], fuse: boolean): Group[] {
  const groups: Group[] = []
  for (let index = 0; index < steps.length; index++) {
    const fused = fuse ? fusedSteps(steps[index]!, steps[index + 1]) : null
    groups.push(fused ?? singleStep(steps[index]!))
    if (fused) index++
  }
  return groups
}

function tell(options: PlanRunOptions | undefined, { step, op }: Group, value: unknown, start: number): void {
  options?.onStep?.({ step, op, value: value as StepResult['value'], milliseconds: performance.now() - start })
}

/**
 * `decode_image` and the resizing after it on pixels that are decoded already, without the copy between: that of a large
 * picture takes longer than its resizing. Null for all else, and where the copy is needed because something is awaited.
 */
function resizeCallersPixels(raw: unknown, [first, second]: readonly Group[], context: StepContext): RawImage | null {
  if (first?.step?.op !== 'decode_image' || !second?.runAtOnce) return null
  const image = callersPixels(raw, first.step)
  const resized = image && second.runAtOnce(image)
  if (resized) context.originalSize = { width: image.width, height: image.height }
  return resized
}

/**
 * Checks preprocess steps and joins those that are faster together.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown op, a wrong option, or steps that do not fit together
 */
export function planPreprocess(
  steps: readonly PreprocessStepInput[],
  { fuse = true }: PlanOptions = {},
): PreprocessPlan {
  const parsed = parseSteps('preprocess', preprocessStepSchema, steps)
  if (!checkChain('preprocess', parsed)?.endsWith('tensor')) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `preprocess: the last step must give a tensor, got ${parsed.at(-1)?.op ?? 'no steps'}; images need to_tensor or to_uint8`,
    )
  }
  const groups = groupSteps(parsed, fuse)
  return {
    steps: parsed,
    groups: groups.map(({ op }) => op),
    async run(raw, context, options) {
      const planned = options?.apart ? groupSteps(parsed, false) : groups
      const resized = options?.onStep ? null : resizeCallersPixels(raw, planned, context)
      let value: unknown = resized ?? raw
      for (const group of resized ? planned.slice(2) : planned) {
        const start = performance.now()
        value = await group.run(value as never, context)
        tell(options, group, value, start)
      }
      return value as Tensor<'float32' | 'uint8'>
    },
  }
}

/**
 * Checks postprocess steps. They run at once: none of them waits for anything.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown op, a wrong option, or steps that do not fit together
 */
export function planPostprocess(steps: readonly PostprocessStepInput[]): PostprocessPlan {
  const parsed = parseSteps('postprocess', postprocessStepSchema, steps)
  const gives = checkChain('postprocess', parsed, 'tensor') as PostprocessPlan['gives']
  const groups = groupSteps(parsed, false)
  return {
    steps: parsed,
    gives,
    run(output, context, options) {
      let value: unknown = output
      for (const group of groups) {
        const start = performance.now()
        value = group.run(value as never, context)
        tell(options, group, value, start)
      }
      return value as PostprocessResult
    },
  }
}
