// node trial.js: reads a request from its input, and opens and runs what it names. It may well end in the middle of that.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { type Tensor, zeros } from '@tensorferry/core'
import { AotSession } from '../aot/aot-session.ts'
import { openAotAddon } from '../aot/open-addon.ts'
import { BEGUN, REFUSED, type TrialRequest } from './request.ts'

/** In an order in which each finds what it is linked to: which of those that are open already came first is not known. */
function openAll(loader: { open(path: string): void }, paths: readonly string[]): void {
  const failed: string[] = []
  let reason: unknown
  for (const path of paths) {
    try {
      loader.open(path)
    } catch (error) {
      reason = error
      failed.push(path)
    }
  }
  if (failed.length === paths.length) throw reason
  if (failed.length > 0) openAll(loader, failed)
}

async function tryOut(request: TrialRequest): Promise<void> {
  if (request.kind === 'libraries') {
    const loader = createRequire(import.meta.url)(request.loader) as { open(path: string): void }
    openAll(loader, request.paths)
    return
  }
  const { main, library, weights, threads, inputs } = request
  const addon = openAotAddon()
  addon.open(main)
  const session = new AotSession(addon, { threads, sharesOutputs: false, keepsState: false })
  await session.load(main, library, weights)
  if (inputs) await session.run(inputs.map(({ dtype, shape }) => zeros(dtype, shape) as Tensor))
  await session.dispose()
}

async function main(): Promise<void> {
  const request = JSON.parse(await text(process.stdin)) as TrialRequest
  // To the process that started this one, which reads it.
  writeSync(1, BEGUN)
  try {
    await tryOut(request)
    process.exit(0)
  } catch {
    process.exit(REFUSED)
  }
}

void main()
