import type { ComparedTensor, ReplayedCase } from '@tensorferry/core'
import { formatSmall } from '../../terminal/quantities.ts'
import type { VerifiedBackend } from './replay.ts'

/** The stages in the order in which data passes them. */
export const STAGES = ['decoded', 'inputs', 'outputs', 'result'] as const

/** Position of an element in each axis: 13 of [2, 10] is [1, 3]. */
function elementPosition(index: number, shape: readonly number[]): readonly number[] {
  let rest = index
  return shape
    .map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
    .map((stride) => {
      const position = Math.floor(rest / stride)
      rest -= position * stride
      return position
    })
}

/** The comparisons of one stage of one case. */
export function comparedAt({ compared }: ReplayedCase, stage: string): readonly ComparedTensor[] {
  return compared.filter((one) => one.stage === stage)
}

/** Largest absolute difference of some comparisons; null when there are none. */
export function largestError(compared: readonly ComparedTensor[]): number | null {
  if (compared.length === 0) return null
  return Math.max(...compared.map(({ difference }) => difference?.maxAbs ?? Number.POSITIVE_INFINITY))
}

/** What is wrong with one comparison, with the element: `1 of 10 elements is off, the worst at [0, 3]: expected 1, got 2`. */
export function describeComparison({ difference, expected, tolerance }: ComparedTensor): string {
  if (difference === null) return 'it is missing'
  const { mismatch, outside, of, at, maxAbs } = difference
  if (mismatch !== null) return mismatch
  const position = elementPosition(at, expected.shape)
  const allowed =
    tolerance.atol === 0 && tolerance.rtol === 0
      ? 'they must be equal'
      : `allowed is ${tolerance.atol} + ${tolerance.rtol} * |expected|`
  const off = `${outside} of ${of} ${of === 1 ? 'element' : 'elements'} ${outside === 1 ? 'is' : 'are'} off`
  return `${off}, the worst at [${position.join(', ')}]: expected ${difference.expected}, got ${difference.got}; largest difference ${formatSmall(maxAbs)}, ${allowed}`
}

/** Everything that is wrong, a line each: backend, artifact, case, stage, tensor and element. */
export function describeFailures(backends: readonly VerifiedBackend[]): readonly string[] {
  return backends.flatMap(({ name, artifact, replay, error, status }) => {
    const who = artifact === null ? name : `${name} (${artifact})`
    if (status === 'failed' && error) return [`${who}: ${error.code}: ${error.message}`]
    return (replay?.cases ?? []).flatMap((golden) => [
      ...golden.compared
        .filter(({ passed }) => !passed)
        .map((one) => `${who}: case ${golden.name}, stage ${one.stage}, ${one.tensor}: ${describeComparison(one)}`),
      ...(golden.error ? [`${who}: case ${golden.name}: ${golden.error.code}: ${golden.error.message}`] : []),
    ])
  })
}

/** The report as JSON, without the tensors. */
export function plainBackend({ replay, error, ...rest }: VerifiedBackend): unknown {
  const cases = replay?.cases.map(({ name, compared, skipped, error: stopped, milliseconds }) => ({
    name,
    milliseconds,
    skipped,
    error: stopped && { code: stopped.code, message: stopped.message },
    passed: stopped === null && compared.every(({ passed }) => passed),
    compared: compared.map(({ stage, tensor, expected, tolerance, difference, passed }) => ({
      stage,
      tensor,
      passed,
      dtype: expected.dtype,
      shape: expected.shape,
      tolerance,
      ...(difference && {
        maxAbs: difference.maxAbs,
        outside: difference.outside,
        of: difference.of,
        element: difference.at < 0 ? null : elementPosition(difference.at, expected.shape),
        expected: difference.expected,
        got: difference.got,
        mismatch: difference.mismatch,
      }),
    })),
  }))
  return {
    ...rest,
    runtime: replay?.runtime ?? null,
    loadMs: replay?.loadMs ?? null,
    error: error && { code: error.code, message: error.message },
    cases: cases ?? [],
  }
}
