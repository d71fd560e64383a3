import { batch, effect, signal, untracked } from '@preact/signals'
import type { Classification, RawImage, Tensors } from '@tensorferry/core'
import type { PenStroke } from '../digits/drawing-to-picture.ts'
import type { ShownError } from '../model/describe-error.ts'
import type { LoadedModel } from '../model/load.ts'
import type { StageView } from '../model/stage-view.ts'
import type { PictureInput } from '../pictures/picture-input.ts'
import { announce } from './announce.ts'
import { loadEngine } from './engine.ts'
import { loadedModel, modelChoice } from './model-state.ts'

/** What one run took, for the plot. */
export interface TimedRun {
  /** Title of the provider. */
  readonly compute: string
  /** Milliseconds by stage, and `total`. */
  readonly times: ReadonlyMap<string, number>
}

/** The last result and what it came from. */
export interface RunResult {
  readonly input: PictureInput
  readonly value: RawImage | readonly Classification[] | Tensors
  readonly stages: readonly StageView[]
}

/** What is kept for the plot. */
const MOST_RUNS = 60

export const pictureInput = signal<PictureInput | null>(null)
/** The input as it is shown. */
export const inputView = signal<StageView | null>(null)
export const runResult = signal<RunResult | null>(null)
export const runError = signal<ShownError | null>(null)
export const isRunning = signal(false)
export const timedRuns = signal<readonly TimedRun[]>([])

let isWaiting = false
/** Of the input whose times are kept. */
let timedSize = ''

function sayResult(value: RunResult['value']): string {
  if (Array.isArray(value)) {
    const [best] = value as readonly Classification[]
    return best ? `Result: ${best.label}, ${(100 * best.score).toFixed(0)} percent.` : 'No label.'
  }
  const { width, height } = value as Partial<RawImage>
  return width && height ? `Result: a picture of ${width} by ${height} pixels.` : 'Result: tensors.'
}

/** Runs it, and shows the result; of repeated runs only the last one's, for the others differ in their times alone. */
async function runOnce({ model, compute }: LoadedModel, input: PictureInput, isLast: boolean): Promise<void> {
  const engine = await loadEngine()
  try {
    const run = await engine.predictInStages(model, input.raw)
    if (loadedModel.value?.model !== model || pictureInput.value !== input) return
    batch(() => {
      const timed = { compute: compute.title, times: engine.timesOf(run) }
      timedRuns.value = [...timedRuns.value, timed].slice(-MOST_RUNS)
      if (!isLast) return
      runError.value = null
      runResult.value = {
        input,
        value: run.result,
        stages: [...(inputView.value ? [inputView.value] : []), ...run.stages.map(engine.viewStage)],
      }
    })
    if (isLast) announce(sayResult(run.result))
  } catch (error) {
    if (loadedModel.value?.model !== model || pictureInput.value !== input) return
    const shown = engine.describeError(error)
    batch(() => {
      runError.value = shown
      runResult.value = null
    })
    announce(shown.message)
  }
}

/** Runs the model on the input, once for however many changes came while it ran. */
export async function runModel(times = 1): Promise<void> {
  if (isRunning.value) {
    isWaiting = true
    return
  }
  isRunning.value = true
  try {
    let left = times
    do {
      isWaiting = false
      const [loaded, input] = [loadedModel.value, pictureInput.value]
      if (loaded === null || input === null) return
      left--
      await runOnce(loaded, input, left <= 0)
    } while (isWaiting || left > 0)
  } finally {
    isRunning.value = false
  }
}

/** Forgets the times: another model has other stages. */
export function clearTimes(): void {
  timedRuns.value = []
}

/** Removes input and result. */
export function clearInput(): void {
  batch(() => {
    pictureInput.value = null
    inputView.value = null
    runResult.value = null
    runError.value = null
  })
}

async function giveInput(input: PictureInput): Promise<void> {
  const { viewInput } = await loadEngine()
  batch(() => {
    const before = timedSize
    timedSize = `${input.shown.width} x ${input.shown.height}`
    // A median over pictures of several sizes says nothing.
    if (timedSize !== before) clearTimes()
    pictureInput.value = input
    inputView.value = viewInput(input.shown, input.notes)
  })
  void runModel()
}

async function opened(open: () => Promise<PictureInput>): Promise<void> {
  try {
    await giveInput(await open())
  } catch (error) {
    const shown = (await loadEngine()).describeError(error)
    batch(() => {
      clearInput()
      runError.value = shown
    })
    announce(shown.message)
  }
}

/** Pictures that a model enlarges are made smaller first; what it shrinks itself may be large. */
const shrinks = (): boolean =>
  modelChoice.value === 'super-resolution' || loadedModel.value?.manifest?.task === 'image-to-image'

/** Takes a picture file. */
export const givePicture = (file: Blob): Promise<void> =>
  opened(async () => (await loadEngine()).openPicture(file, shrinks()))

/** Takes a picture of the page's own. */
export const giveExample = (url: string): Promise<void> =>
  opened(async () => {
    const [engine, response] = await Promise.all([loadEngine(), fetch(url)])
    return engine.openPicture(await response.blob(), shrinks())
  })

/** Takes the camera's picture. */
export const givePixels = (pixels: ImageData): Promise<void> =>
  opened(async () => (await loadEngine()).openPixels(pixels, shrinks()))

/** Takes what was drawn. */
export async function giveDrawing(strokes: readonly PenStroke[]): Promise<void> {
  const drawn = (await loadEngine()).drawingToPicture(strokes)
  if (drawn === null) return clearInput()
  await giveInput({ raw: drawn, shown: drawn, notes: ['centred, scaled, drawn with a felt pen'] })
}

// A new provider runs the same input at once.
effect(() => {
  if (loadedModel.value === null) return
  // What a run reads must not start the next one.
  untracked(() => void runModel())
})
