import { platform } from '#platform'
import type { CallOptions, Session } from './backend.ts'
import type { AnyBundle, InputsOf, LabelOf, OutputsOf, PredictionOf } from './bundle/bundle-types.ts'
import type { Manifest } from './bundle/manifest.ts'
import type { OpenModel } from './bundle/open.ts'
import { refuseCallOptions, throwIfAborted, withCallOptions } from './call.ts'
import { TensorferryError } from './errors.ts'
import type { ModelPipeline, PipelineContext, RawInput, RawInputs } from './model-pipeline.ts'
import type { ImageCodecs } from './pipeline/image-codecs.ts'
import type { PlanRunOptions } from './pipeline/plan.ts'
import type { LoadReport } from './report.ts'
import type { Signature, TensorSpec } from './signature.ts'
import type { ModelStream } from './stream.ts'
import type { OpenStream } from './stream-parts.ts'
import type { Tensors } from './tensor.ts'

/** Inputs for `run`, and what the second half of `predict` needs of the first. */
export interface Preprocessed<B extends AnyBundle = AnyBundle> {
  readonly inputs: InputsOf<B>
  /** The original size, the chroma planes, and the like; plain data. */
  readonly context: PipelineContext
}

/** Options of `preprocess` and `postprocess`. */
export interface PipelineCallOptions extends CallOptions {
  /** Told at once what each step gave. `preprocess` then runs them one by one where else neighbours are joined: same numbers, more time. */
  readonly onStep?: PlanRunOptions['onStep']
}

/** A loaded model. */
export interface Model<B extends AnyBundle = AnyBundle, S extends Session = Session> {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** The bundle's; of a bare model what the runtime itself knows. */
  readonly signature: Signature
  /** `bundle.json`, parsed; null: a bare model. */
  readonly manifest: Manifest | null
  /** Class names in the order of the scores; null when the bundle has none. */
  readonly labels: readonly LabelOf<B>[] | null
  /** What was tried while loading, what runs, and how long each stage took. */
  readonly report: LoadReport
  /** The backend's session, with what it alone can do. */
  readonly session: S
  /**
   * Tensors in, tensors out.
   *
   * @param inputs - by name; they stay unchanged
   * @throws TensorferryError `INPUT_INVALID`, `RUNTIME_FAILED`, `OUT_OF_MEMORY`, `SESSION_DISPOSED`, `ABORTED`, `TIMED_OUT`
   */
  run(inputs: InputsOf<B>, options?: CallOptions): Promise<OutputsOf<B>>
  /**
   * What a person has in, what a person wants out: `preprocess`, `run`, `postprocess`.
   *
   * @param raw - an encoded or decoded picture; an object by name for a bundle with several raw inputs, or with inputs
   *   that no steps make, which are tensors
   * @returns by the bundle's task: a picture, labels with scores, else tensors
   * @throws TensorferryError as `run`; `DEPENDENCY_MISSING` when a codec is not installed
   */
  predict(raw: RawInput | RawInputs, options?: CallOptions): Promise<PredictionOf<B>>
  /** The first half of `predict`. */
  preprocess(raw: RawInput | RawInputs, options?: PipelineCallOptions): Promise<Preprocessed<B>>
  /** The second half of `predict`. */
  postprocess(outputs: OutputsOf<B>, context: PipelineContext, options?: PipelineCallOptions): Promise<PredictionOf<B>>
  /** Feeds a recurrent model's states back from step to step. */
  stream(): ModelStream
  /** Ends the session and gives its memory back. Safe to call twice. */
  dispose(): Promise<void>
  /** For `await using`: {@link Model.dispose}. */
  [Symbol.asyncDispose](): Promise<void>
}

interface ModelParts {
  readonly session: Session
  readonly model: OpenModel | null
  readonly pipeline: ModelPipeline | null
  readonly report: LoadReport
  /** null: the model keeps no state between runs. */
  readonly openStream: OpenStream | null
}

function stepByStep(options: PipelineCallOptions | undefined): PlanRunOptions | undefined {
  return options?.onStep && { onStep: options.onStep, apart: true }
}

/** Puts a session, its signature and its pipeline together. */
export function createModel({ session, model, pipeline, report, openStream }: ModelParts): Model {
  const signature: Signature = model?.signature ?? {
    dims: {},
    inputs: session.inputs,
    outputs: session.outputs,
    states: [],
  }
  const codecs: ImageCodecs = {
    ...platform.codecs,
    decode: (bytes, mode) => platform.codecs.decode(bytes, mode, report.warnings as string[]),
  }
  const requirePipeline = async (call: string): Promise<ModelPipeline> => {
    if (pipeline) return pipeline
    throw (await import('./model-errors.ts')).noPipeline(call, report)
  }
  const preprocess: Model['preprocess'] = (raw, options) =>
    refuseCallOptions(options, 'onStep') ??
    withCallOptions(options, async () =>
      (await requirePipeline('preprocess')).preprocess(raw, codecs, stepByStep(options)),
    )
  const postprocess: Model['postprocess'] = (outputs, context, options) =>
    refuseCallOptions(options, 'onStep') ??
    withCallOptions(options, async () =>
      (await requirePipeline('postprocess')).postprocess(outputs, context, codecs, stepByStep(options)),
    )

  return {
    inputs: signature.inputs,
    outputs: signature.outputs,
    signature,
    manifest: model?.manifest ?? null,
    labels: model?.manifest?.labels ?? null,
    report,
    session,
    run: (inputs, options) => refuseCallOptions(options) ?? session.run(inputs, options),
    preprocess,
    postprocess,
    predict: (raw, options) => {
      const refused = refuseCallOptions(options)
      if (refused) return refused
      const start = async (signal?: AbortSignal): Promise<PredictionOf<AnyBundle>> => {
        const halves = await requirePipeline('predict')
        const { inputs, context } = await halves.preprocess(raw, codecs)
        throwIfAborted({ signal })
        const outputs: Tensors = await session.run(inputs, { signal })
        return halves.postprocess(outputs, context, codecs)
      }
      if (!options?.signal && options?.timeoutMs === undefined) return start()
      // One signal for the halves: a call that timed out must not go on to run the network.
      const cancel = new AbortController()
      return withCallOptions(
        options,
        () => start(cancel.signal),
        (error) => cancel.abort(error),
      )
    },
    stream: () => {
      if (openStream) return openStream(session, signature)
      throw new TensorferryError('OPTIONS_INVALID', 'stream: this model keeps no state between runs; use run')
    },
    dispose: () => session.dispose(),
    [Symbol.asyncDispose]: () => session.dispose(),
  }
}
