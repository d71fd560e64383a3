export { casesFor, fixturesFor } from './applicable.ts'
export { conformanceCases } from './cases/index.ts'
export type { ConformanceCase, ConformanceContext, Need } from './conformance-case.ts'
export { ConformanceError } from './conformance-error.ts'
export type { BrokenBackend } from './fakes/broken-backend.ts'
export { brokenBackends } from './fakes/broken-backends.ts'
export { referenceBackend, referenceFeatures, referenceFixtures } from './fakes/reference-backend.ts'
export type { BackendFeatures } from './features.ts'
export type { ConformanceFixture, FixtureTrait, Golden, LoadedFixture } from './fixture.ts'
export {
  type ConformanceOptions,
  type ConformanceReport,
  type ConformanceResult,
  runConformance,
} from './run-conformance.ts'
