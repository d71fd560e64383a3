import type { Counted, ServedModel } from '../models/served-model.ts'

const NONE: Counted = { count: 0, ns: 0 }

/**
 * What was counted of a model, in the protocol's form.
 *
 * @see Triton's statistics extension, "Statistics Response JSON Object"
 */
export function modelStatistics(model: Pick<ServedModel, 'name' | 'version' | 'statistics'>): object {
  const counted = model.statistics()
  return {
    name: model.name,
    version: model.version,
    last_inference: counted.lastInference,
    inference_count: counted.inferenceCount,
    execution_count: counted.executionCount,
    inference_stats: {
      success: counted.success,
      fail: counted.fail,
      queue: counted.queue,
      compute_input: counted.computeInput,
      compute_infer: counted.computeInfer,
      compute_output: counted.computeOutput,
      cache_hit: NONE,
      cache_miss: NONE,
    },
    batch_stats: counted.batches.map(({ batchSize, computeInfer }) => ({
      batch_size: batchSize,
      compute_input: NONE,
      compute_infer: computeInfer,
      compute_output: NONE,
    })),
  }
}
