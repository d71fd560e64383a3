import type { ConformanceCase } from '../conformance-case.ts'
import { backendCases } from './backend.ts'
import { cancellationCases } from './cancellation.ts'
import { concurrencyCases } from './concurrency.ts'
import { damagedFileCases } from './damaged-files.ts'
import { goldenCases } from './goldens.ts'
import { invalidInputCases } from './invalid-inputs.ts'
import { lifecycleCases } from './lifecycle.ts'
import { loadingCases } from './loading.ts'
import { memoryCases } from './memory.ts'

/** Every rule of the contract between core and a backend. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...backendCases,
  ...goldenCases,
  ...invalidInputCases,
  ...memoryCases,
  ...concurrencyCases,
  ...cancellationCases,
  ...lifecycleCases,
  ...loadingCases,
  ...damagedFileCases,
]
