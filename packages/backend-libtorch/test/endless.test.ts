import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'

const program = fileURLToPath(new URL('./programs/endless.mjs', import.meta.url))

function end(how: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, libtorchRoot, how], (_, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr })
    })
  })
}

describeWithLibtorch('a run that does not end', () => {
  test('dispose settles and says that the thread is left; others run, and the process ends by itself', async () => {
    const output = 'SESSION_DISPOSED true\ndisposed\nanother ran\n'
    const { output: got, ...rest } = await end('dispose')
    expect(rest).toEqual({ code: 0, signal: null })
    expect(got.split('\n').sort()).toEqual(output.split('\n').sort())
  })

  test('the same when its caller has left before', async () => {
    expect(await end('left')).toEqual({
      code: 0,
      signal: null,
      output: 'TIMED_OUT false\ndisposed\nanother ran\n',
    })
  })

  test('process.exit ends the process, with its code', async () => {
    expect(await end('exit')).toEqual({ code: 3, signal: null, output: '' })
  })
})
