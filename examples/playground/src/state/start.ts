import { batch } from '@preact/signals'
import { EXAMPLES } from '../model/example-pictures.ts'
import type { ModelChoice } from '../model/model-choices.ts'
import { type Given, readDrop, readFiles } from '../pictures/dropped-files.ts'
import { announce } from './announce.ts'
import { claimInput, type InputClaim } from './input-claim.ts'
import { chooseModel, modelChoice, type OwnSource, ownSource } from './model-state.ts'
import { clearInput, clearTimes, giveExample, givePicture } from './run-state.ts'

/** Changes the model and shows something at once where there is an example to begin with. */
export async function startModel(choice: ModelChoice, own?: OwnSource): Promise<void> {
  clearInput()
  clearTimes()
  const loading = chooseModel(choice, own)
  const [first] = EXAMPLES[choice]
  if (choice === 'super-resolution' && first) await giveExample(first.url)
  await loading
}

/** Loads a visitor's bundle. */
export function startOwn(own: OwnSource): Promise<void> {
  batch(() => {
    ownSource.value = own
  })
  return startModel('own', own)
}

async function take(given: Given | null, claim: InputClaim): Promise<void> {
  if (!claim.isLatest()) return
  if (given === null) return announce('There was no file in it.')
  if (given.kind === 'picture') return givePicture(given.file, claim)
  await startOwn({ name: given.name, source: given.files })
}

/** Takes what was dropped: a picture for the model, or a bundle in its place. */
export async function takeDrop(transfer: DataTransfer): Promise<void> {
  const claim = claimInput()
  await take(await readDrop(transfer), claim)
}

/** Takes what a picker gave. */
export const takeFiles = (files: FileList): Promise<void> => take(readFiles(files), claimInput())

/** Loads the page's first model. */
export const startPage = (): Promise<void> => startModel(modelChoice.value)
