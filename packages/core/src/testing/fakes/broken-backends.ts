import { brokenCancellation } from './broken/cancellation.ts'
import { brokenDescriptions } from './broken/descriptions.ts'
import { brokenInputs } from './broken/inputs.ts'
import { brokenLifecycle } from './broken/lifecycle.ts'
import { brokenLoading } from './broken/loading.ts'
import { brokenResults } from './broken/results.ts'
import type { BrokenBackend } from './broken-backend.ts'

/** The reference backend, broken in one way at a time: whoever runs the cases can prove that the runner finds them. */
export const brokenBackends: readonly BrokenBackend[] = [
  ...brokenDescriptions,
  ...brokenResults,
  ...brokenInputs,
  ...brokenCancellation,
  ...brokenLifecycle,
  ...brokenLoading,
]
