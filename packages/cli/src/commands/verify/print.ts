import type { Tolerance } from '@tensorferry/core'
import { formatMilliseconds, formatSmall } from '../../terminal/quantities.ts'
import { formatTable } from '../../terminal/table.ts'
import type { Colors } from '../../terminal/terminal.ts'
import { comparedAt, largestError, STAGES } from './findings.ts'
import type { VerifiedBackend } from './replay.ts'

/** `1e-5 + 1e-4·|x|`. */
export function formatTolerance({ atol, rtol }: Tolerance): string {
  return atol === 0 && rtol === 0 ? 'equal' : `${formatSmall(atol)} + ${formatSmall(rtol)}·|x|`
}

/** One backend's line of the table, as plain text. */
export function summarize({ name, artifact, replay, status }: VerifiedBackend) {
  const compared = replay?.cases.flatMap((golden) => comparedAt(golden, 'outputs')) ?? []
  const error = largestError(compared)
  const milliseconds = replay?.cases.reduce((sum, golden) => sum + golden.milliseconds, 0)
  return {
    backend: name,
    artifact: artifact ?? '',
    runtime: replay ? `${replay.runtime.name} ${replay.runtime.version}` : '',
    provider: replay?.runtime.provider ?? '',
    threads: replay?.runtime.threads == null ? '' : String(replay.runtime.threads),
    cases: replay ? String(replay.cases.length) : '',
    error: error === null ? '' : formatSmall(error),
    tolerance: compared[0] ? formatTolerance(compared[0].tolerance) : '',
    time: milliseconds === undefined ? '' : formatMilliseconds(milliseconds),
    status,
  }
}

const STATUS: Readonly<Record<VerifiedBackend['status'], (colors: Colors) => string>> = {
  passed: (colors) => colors.green('passed'),
  failed: (colors) => colors.red('FAILED'),
  unusable: (colors) => colors.yellow('not usable'),
}

/** All backends, a line each. */
export function formatSummary(backends: readonly VerifiedBackend[], colors: Colors): string {
  const columns = [
    { name: 'backend' },
    { name: 'artifact' },
    { name: 'runtime' },
    { name: 'provider' },
    { name: 'cases', numbers: true },
    { name: 'largest error', numbers: true },
    { name: 'tolerance' },
    { name: 'time', numbers: true },
    { name: '' },
  ]
  const rows = backends.map((one) => {
    const { backend, artifact, runtime, provider, cases, error, tolerance, time } = summarize(one)
    return [backend, artifact, runtime, provider, cases, error, tolerance, time, STATUS[one.status](colors)]
  })
  return formatTable(columns, rows, colors)
}

/** One backend's cases, a line each, with the largest error of each stage. */
export function formatStages({ replay, name, artifact }: VerifiedBackend, colors: Colors): string | null {
  if (!replay) return null
  const stages = STAGES.filter((stage) => replay.cases.some((golden) => comparedAt(golden, stage).length > 0))
  const columns = [
    { name: artifact === null ? name : `${name} (${artifact})` },
    ...stages.map((stage) => ({ name: stage, numbers: true })),
    { name: 'time', numbers: true },
    { name: '' },
  ]
  const rows = replay.cases.map((golden) => [
    golden.name,
    ...stages.map((stage) => {
      const compared = comparedAt(golden, stage)
      const error = largestError(compared)
      if (error === null) return ''
      const text = error === 0 ? 'equal' : formatSmall(error)
      return compared.every(({ passed }) => passed) ? colors.green(text) : colors.red(text)
    }),
    formatMilliseconds(golden.milliseconds),
    golden.error ? colors.red(golden.error.code) : (golden.skipped ?? ''),
  ])
  return formatTable(columns, rows, colors)
}
