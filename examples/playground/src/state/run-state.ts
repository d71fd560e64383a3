import { batch, effect, signal, untracked } from '@preact/signals'
import type { Classification, RawImage, Tensors } from '@tensorferry/core'
import type { PenStroke } from '../digits/drawing-to-picture.ts'
import type { ShownError } from '../model/describe-error.ts'
import type { LoadedModel } from '../model/load.ts'
import type { StageView } from '../model/stage-view.ts'
import type { PictureInput } from '../pictures/picture-input.ts'
import { announce } from './announce.ts'
import { type Engine, loadEngine } from './engine.ts'
import { claimInput, type InputClaim } from './input-claim.ts'
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

/** Shows it and makes it what the model gets. */
function showInput(engine: Engine, input: PictureInput): void {
  batch(() => {
    const before = timedSize
    timedSize = `${input.shown.width} x ${input.shown.height}`
    // A median over pictures of several sizes says nothing.
    if (timedSize !== before) clearTimes()
    pictureInput.value = input
    inputView.value = engine.viewInput(input.shown, input.notes)
  })
}

/** Runs it, and shows the result; of repeated runs only the last one's, for the others differ in their times alone. */
async function runOnce({ model, manifest, compute }: LoadedModel, given: PictureInput, isLast: boolean): Promise<void> {
  const engine = await loadEngine()
  if (loadedModel.value?.model !== model || pictureInput.value !== given) return
  // A bundle may say what it does only after its picture was given.
  const input = manifest?.task === 'image-to-image' ? engine.shrinkInput(given) : given
  if (input !== given) showInput(engine, input)
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
      // What changed is shown by the next run, not by the last of many.
      if (isWaiting) left = Math.min(left, 1)
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

/** Removes input and result; what is still being opened is dropped. */
export function clearInput(): void {
  claimInput()
  batch(() => {
    pictureInput.value = null
    inputView.value = null
    runResult.value = null
    runError.value = null
  })
}

/** Opens an input, and shows and runs it unless a later one was chosen meanwhile. */
async function opened(
  open: (engine: Engine) => Promise<PictureInput>,
  claim: InputClaim = claimInput(),
): Promise<void> {
  try {
    const engine = await loadEngine()
    const input = await open(engine)
    if (!claim.isLatest()) return
    // Known before its manifest is there.
    showInput(engine, modelChoice.value === 'super-resolution' ? engine.shrinkInput(input) : input)
    void runModel()
  } catch (error) {
    const { describeError } = await loadEngine()
    if (!claim.isLatest()) return
    const shown = describeError(error)
    batch(() => {
      clearInput()
      runError.value = shown
    })
    announce(shown.message)
  }
}

/** Takes a picture file. */
export const givePicture = (file: Blob, claim?: InputClaim): Promise<void> =>
  opened((engine) => engine.openPicture(file), claim)

/** Takes a picture of the page's own. */
export const giveExample = (url: string): Promise<void> =>
  opened(async (engine) => engine.openPicture(await (await fetch(url)).blob()))

/** Takes the camera's picture. */
export const givePixels = (pixels: ImageData): Promise<void> => opened((engine) => engine.openPixels(pixels))

/** Takes what was drawn. */
export async function giveDrawing(strokes: readonly PenStroke[]): Promise<void> {
  const claim = claimInput()
  const { drawingToPicture } = await loadEngine()
  if (!claim.isLatest()) return
  const drawn = drawingToPicture(strokes)
  if (drawn === null) return clearInput()
  const notes = ['centred, scaled, drawn with a felt pen']
  await opened(async () => ({ raw: drawn, shown: drawn, notes }), claim)
}

// A new provider runs the same input at once.
effect(() => {
  if (loadedModel.value === null) return
  // What a run reads must not start the next one.
  untracked(() => void runModel())
})
