import { appendFile, mkdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { readRegular } from '@tensorferry/core/node'

/** Beside the results: one JSON line for each input that is done. */
const FILE = '.tensorferry-run.jsonl'

interface DoneLine {
  /** Relative to the folder, so that both can be moved. */
  readonly input: string
  readonly size: number
  readonly modified: number
  /** Hash of the model and of how it was run. */
  readonly model: string
  /** Results by name, with their sizes in bytes. */
  readonly files: Readonly<Record<string, number>>
}

/** Knows which results are whole and still what the model would give. */
export interface DoneList {
  /** Names of the results when they are there, made by this model from the input as it is now; else null. */
  find(input: string, stem: string): Promise<readonly string[] | null>
  add(input: string, files: Readonly<Record<string, number>>): Promise<void>
}

const stateOf = async (path: string): Promise<{ size: number; modified: number } | null> => {
  const found = await stat(path).catch(() => null)
  return found && { size: found.size, modified: found.mtimeMs }
}

/**
 * Opens the list of a results folder. A line is added after its result has been renamed into place, so what was cut short
 * by a crash is never in it; a half line is passed over.
 *
 * @param model - hash of the model and of how it is run: results of another one are made again
 */
export async function openDoneList(folder: string, model: string): Promise<DoneList> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, FILE)
  const text = await readRegular(path).then(String, () => '')
  const lines = new Map<string, DoneLine>()
  for (const line of text.split('\n')) {
    try {
      const done = JSON.parse(line) as DoneLine
      lines.set(done.input, done)
    } catch {
      // Empty, or cut short by a crash.
    }
  }
  // A half last line must not swallow the next one.
  let separator = text === '' || text.endsWith('\n') ? '' : '\n'
  let last: Promise<void> = Promise.resolve()
  return {
    async find(input, stem) {
      const done = lines.get(relative(folder, input))
      if (done?.model !== model) return null
      const now = await stateOf(input)
      if (now?.size !== done.size || now.modified !== done.modified) return null
      for (const [name, size] of Object.entries(done.files)) {
        if (!name.startsWith(`${stem}.`)) return null
        if ((await stateOf(join(folder, name)))?.size !== size) return null
      }
      return Object.keys(done.files)
    },
    async add(input, files) {
      const now = await stateOf(input)
      if (!now) return
      const line: DoneLine = { input: relative(folder, input), ...now, model, files }
      last = last.then(async () => {
        await appendFile(path, `${separator}${JSON.stringify(line)}\n`)
        separator = ''
      })
      await last
    },
  }
}
