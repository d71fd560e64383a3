import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const program = fileURLToPath(new URL('./programs/end-under-load.mjs', import.meta.url))

interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

/** Runs the program to its end; 134 or SIGABRT is the abort that must not be. */
function end(how: string, delay = 0): Promise<End> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, how, String(delay)], (_, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr })
    })
  })
}

// Moments of the loads and runs that the end falls on; the benchmark does it fifty times.
const DELAYS = [40, 90, 130, 170, 230]

describe('the process ends without an abort', () => {
  test.each([
    ['exit', 0],
    ['short', 0],
    ['loading', 0],
    ['dispose', 0],
    ['throw', 1],
  ])('%s', async (how, code) => {
    for (const delay of DELAYS) {
      const { output, ...rest } = await end(how, delay)
      expect({ ...rest, delay }).toEqual({ code, signal: null, delay })
      expect(output).not.toMatch(/Napi::Error|terminate called/)
    }
  })
})

test('an idle session does not keep the process alive', async () => {
  expect(await end('idle')).toEqual({ code: 0, signal: null, output: 'ran\n' })
})

test('a run in progress does', async () => {
  expect(await end('pending')).toEqual({ code: 0, signal: null, output: 'ran\n' })
})

test('one listener for the whole process, only while there are sessions', async () => {
  const { onnxNode } = await import('@tensorferry/backend-onnx-node')
  const { model } = await import('./model-file.ts')
  const before = process.listenerCount('exit')
  const backend = onnxNode({ threads: 1, replicas: 2 })
  const sessions = await Promise.all([
    backend.createSession(model('mlp-10-10')),
    backend.createSession(model('mlp-10-10')),
  ])
  expect(process.listenerCount('exit')).toBe(before + 1)
  await Promise.all(sessions.map((session) => session.dispose()))
  expect(process.listenerCount('exit')).toBe(before)
})
