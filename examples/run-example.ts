import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TSX = fileURLToPath(import.meta.resolve('tsx/cli'))

/** What an example printed, and how it ended. */
export interface ExampleRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts an example as a person would who stands in `folder`; no backend is named but in `added`. */
export function runExample(
  name: string,
  args: readonly string[],
  { folder = FOLDER, added = {} }: { readonly folder?: string; readonly added?: Readonly<Record<string, string>> } = {},
): Promise<ExampleRun> {
  return new Promise((resolve, reject) => {
    const { TENSORFERRY_BACKEND: _, ...environment } = process.env
    const child = spawn(process.execPath, [TSX, `${name}/main.ts`, ...args], {
      cwd: FOLDER,
      env: { ...environment, INIT_CWD: folder, FORCE_COLOR: '0', ...added },
    })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...output }))
  })
}
