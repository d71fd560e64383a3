export type { ModelEntry, ModelRepository, ModelState } from './models/repository.ts'
export type { Counted, InferOptions, ModelStatistics, ServedModel } from './models/served-model.ts'
export type {
  BatchingOptions,
  ModelDefaults,
  ModelOptions,
  QueueOptions,
  ServerEvent,
  ServerOptions,
} from './options.ts'
export { type Server, serve } from './server.ts'
