export type { ModelEntry, ModelRepository, ModelState } from './models/repository.ts'
export type { Counted, InferOptions, ModelStatistics, ServedModel } from './models/served-model.ts'
