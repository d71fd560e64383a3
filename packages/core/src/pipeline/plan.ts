import {
  type PlanOptions,
  type PostprocessPlan,
  type PreprocessPlan,
  planPostprocessWith,
  planPreprocessWith,
} from './plan-steps.ts'
import { GEOMETRY } from './steps/geometry.ts'
import type { PostprocessStepInput, PreprocessStepInput } from './steps/index.ts'

/**
 * Checks preprocess steps and joins those that are faster together.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown op, a wrong option, or steps that do not fit together
 */
export function planPreprocess(steps: readonly PreprocessStepInput[], options?: PlanOptions): PreprocessPlan {
  return planPreprocessWith(GEOMETRY, steps, options)
}

/**
 * Checks postprocess steps. They run at once: none of them waits for anything.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown op, a wrong option, or steps that do not fit together
 */
export function planPostprocess(steps: readonly PostprocessStepInput[]): PostprocessPlan {
  return planPostprocessWith(GEOMETRY, steps)
}
