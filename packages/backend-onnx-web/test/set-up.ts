import type { TestProject } from 'vitest/node'
import { chromiumPath } from './browser/chromium.ts'
import { exportEncoders } from './fixtures/encoders.mjs'

/** Where the encoders' bundles lie, or why they are not there. */
type Encoders = Awaited<ReturnType<typeof exportEncoders>>

declare module 'vitest' {
  interface ProvidedContext {
    encoders: Encoders
  }
}

/** Exports what is too large to commit, once for all test files. */
export default async function setUp(project: TestProject): Promise<void> {
  const encoders = chromiumPath === null ? { missing: 'no Chromium' } : await exportEncoders()
  if ('missing' in encoders) {
    const text = `tests that need the encoders are skipped: ${encoders.missing}`
    if (process.env.CI === 'true') throw new Error(text)
    process.stderr.write(`${text}\n`)
  }
  project.provide('encoders', encoders)
}
