import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { preferredLibtorch, prepareLibtorch } from '../libtorch.ts'

const program = fileURLToPath(new URL('../programs/serve-endless.mjs', import.meta.url))
const prepared = await prepareLibtorch()
if ('missing' in prepared && process.env.CI) throw new Error(`no libtorch: ${prepared.missing}`)

test.skipIf('missing' in prepared)('close settles while a run does not end, and the process ends', async () => {
  const ended = await new Promise((resolve) => {
    const child = execFile(process.execPath, [program, preferredLibtorch() ?? ''], (_, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr })
    })
  })
  expect(ended).toEqual({ code: 0, signal: null, output: 'closed cut\n' })
})
