import type { ModelFormat } from '../backend.ts'
import type { DType } from '../tensor.ts'
import { conformanceCases } from './cases/index.ts'
import type { ConformanceCase } from './conformance-case.ts'
import type { BackendFeatures } from './features.ts'
import type { ConformanceFixture } from './fixture.ts'
import { onnxFixtures } from './fixtures/onnx/index.ts'
import { torchscriptFixtures } from './fixtures/torchscript/index.ts'

const FIXTURES: readonly ConformanceFixture[] = [...onnxFixtures, ...torchscriptFixtures]

function lackingDtypes(fixture: ConformanceFixture, features: BackendFeatures): readonly DType[] {
  return fixture.dtypes.filter((dtype) => !features.dtypes.includes(dtype))
}

/** True when the fixture has what the case needs of it. */
export function suits(rule: ConformanceCase, fixture: ConformanceFixture, features: BackendFeatures): boolean {
  return rule.needs.every((need) => {
    if (need === 'offThread' || need === 'readsFiles') return true
    if (need === 'unsupported-dtype') return lackingDtypes(fixture, features).length > 0
    return fixture.traits.includes(need)
  })
}

/** Why a backend with these features is not asked a case that suits the fixture; null when it is. */
export function reasonToSkip(
  rule: ConformanceCase,
  fixture: ConformanceFixture,
  features: BackendFeatures,
): string | null {
  const lacking = lackingDtypes(fixture, features)
  if (lacking.length > 0 && !rule.needs.includes('unsupported-dtype')) return `the backend lacks ${lacking.join(', ')}`
  if (rule.needs.includes('offThread') && !features.offThread) return 'the backend runs on the thread that calls'
  if (rule.needs.includes('readsFiles') && !features.readsFiles) return 'the backend reads no files'
  return null
}

/** The cases that a backend with these features must pass on this fixture. */
export function casesFor(fixture: ConformanceFixture, features: BackendFeatures): readonly ConformanceCase[] {
  return conformanceCases.filter(
    (rule) => suits(rule, fixture, features) && reasonToSkip(rule, fixture, features) === null,
  )
}

/**
 * The embedded models of a format, with at least one case for a backend with these features.
 *
 * @param format - there are some for `onnx` and `torchscript`; `aot-inductor` files are native code, built where they run
 */
export function fixturesFor(format: ModelFormat, features?: BackendFeatures): readonly ConformanceFixture[] {
  const fixtures = FIXTURES.filter((fixture) => fixture.format === format)
  return features ? fixtures.filter((fixture) => casesFor(fixture, features).length > 0) : fixtures
}
