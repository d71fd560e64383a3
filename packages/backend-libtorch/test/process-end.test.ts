import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'
import { load } from './model-file.ts'

const program = fileURLToPath(new URL('./programs/end-under-load.mjs', import.meta.url))

interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

/** Runs the program to its end; 134 or SIGABRT is the abort, 139 or SIGSEGV the crash that must not be. */
function end(how: string, delay = 0): Promise<End> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, libtorchRoot, how, String(delay)], (_, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr })
    })
  })
}

// Moments of the load and of the runs that the end falls on.
const DELAYS = [50, 200, 350, 450, 550]

describeWithLibtorch('the process ends without an abort', () => {
  test.each([
    ['exit', 0],
    ['short', 0],
    ['reallyExit', 0],
    ['loading', 0],
    ['worker', 0],
    ['worker-exit', 0],
    ['dispose', 0],
    ['throw', 1],
  ])('%s', async (how, code) => {
    for (const delay of DELAYS) {
      const { output, ...rest } = await end(how, delay)
      expect({ ...rest, delay, output: how === 'throw' ? '' : output }).toEqual({
        code,
        signal: null,
        delay,
        output: '',
      })
      expect(output).not.toMatch(/terminate called|Napi::Error/)
    }
  })

  test('an idle session does not keep the process alive', async () => {
    expect(await end('idle')).toEqual({ code: 0, signal: null, output: 'ran\n' })
  })

  test('a run in progress does', async () => {
    expect(await end('pending')).toEqual({ code: 0, signal: null, output: 'ran\n' })
  })

  test('one listener for the whole process, only while there are sessions', async () => {
    const before = process.listenerCount('exit')
    const sessions = await Promise.all([load('mlp-10-10'), load('mlp-10-10')])
    expect(process.listenerCount('exit')).toBe(before + 1)
    await Promise.all(sessions.map((session) => session.dispose()))
    expect(process.listenerCount('exit')).toBe(before)
  })
})
