import type { ModelFormat, RuntimeInfo } from './backend.ts'

/** Where in loading a backend was refused. */
export type LoadStage = 'resolve' | 'probe' | 'load' | 'verify'

/** One backend of the list, and what became of it. */
export interface BackendAttempt {
  /** The backend's own name, such as `onnx-node`; where it could not be resolved, what was asked for. */
  readonly backend: string
  /** The package or file that it was asked for by, such as `@tensorferry/backend-onnx-node`; null: the app passed the backend itself. */
  readonly package: string | null
  readonly outcome: 'chosen' | 'refused'
  /** The last stage reached. */
  readonly stage: LoadStage
  /** Set when refused. */
  readonly code: string | null
  readonly reason: string | null
  readonly hint: string | null
  /** Milliseconds per stage that was reached. */
  readonly timings: Readonly<Partial<Record<LoadStage, number>>>
}

/** One golden case, replayed on the backend. */
export interface VerifiedCase {
  readonly name: string
  /** Compared stages, each with its largest absolute difference from PyTorch. */
  readonly stages: Readonly<Record<string, number>>
  /** Why some stages were left out, such as a picture codec that is not installed. */
  readonly skipped: string | null
}

/** What was tried while loading, what was chosen, and how long each stage took. */
export interface LoadReport {
  /** Folder or file, URL without query, "memory" for a map of files, "bytes in memory", or the backend's name when it needs no source. */
  readonly source: string
  /** null: a bare model. */
  readonly bundle: { readonly name: string; readonly version: string } | null
  /** Who asked for these backends: "options", the variable, or the config file. */
  readonly chosenBy: string
  readonly attempts: readonly BackendAttempt[]
  /** The backend's own name, such as `onnx-node`. A config names its package, see {@link LoadReport.package}. */
  readonly backend: string
  /** The package or file that it was asked for by, such as `@tensorferry/backend-onnx-node`; null: the app passed the backend itself. */
  readonly package: string | null
  readonly artifact: { readonly name: string; readonly format: ModelFormat; readonly precision: string | null } | null
  readonly runtime: RuntimeInfo
  readonly verify: {
    readonly mode: 'off' | 'smoke' | 'full'
    readonly cases: readonly VerifiedCase[]
    /** Why nothing was replayed, when `cases` is empty. */
    readonly skipped: string | null
  }
  /** What went wrong or could be better without stopping anything, such as a cache without room. Grows with pictures whose turn is ignored. */
  readonly warnings: readonly string[]
  /** Milliseconds: `open` reads the manifest, the rest as in the chosen attempt. */
  readonly timings: Readonly<Partial<Record<LoadStage | 'open' | 'total', number>>>
}

/** The report as a few lines for people. */
export function formatReport(report: LoadReport): string {
  const { runtime } = report
  const threads = runtime.threads === null ? '' : `, ${runtime.threads} ${runtime.threads === 1 ? 'thread' : 'threads'}`
  const provider = runtime.provider === null ? '' : `, provider ${runtime.provider}`
  const lines = [
    `model     ${report.bundle ? `${report.bundle.name} ${report.bundle.version}` : 'bare file'} from ${report.source}`,
    `backend   ${report.backend}${report.package === null ? '' : ` (${report.package})`}, asked for by ${report.chosenBy}`,
    `runtime   ${runtime.name} ${runtime.version} on ${runtime.device}${provider}${threads}`,
  ]
  if (report.artifact) lines.push(`artifact  ${report.artifact.name} (${report.artifact.format})`)
  for (const attempt of report.attempts) {
    if (attempt.outcome === 'chosen') continue
    lines.push(`refused   ${attempt.backend} at ${attempt.stage}: ${attempt.code}: ${attempt.reason}`)
    if (attempt.hint) lines.push(`          ${attempt.hint}`)
  }
  for (const { provider, reason } of runtime.refused ?? []) lines.push(`refused   provider ${provider}: ${reason}`)
  const { mode, cases, skipped } = report.verify
  const worst = Math.max(0, ...cases.flatMap((golden) => Object.values(golden.stages)))
  const verified =
    cases.length > 0
      ? `${cases.length} of the bundle's goldens replayed, largest difference ${worst.toExponential(1)}`
      : skipped
  lines.push(`verify    ${mode}: ${verified ?? 'nothing replayed'}`)
  for (const golden of cases) if (golden.skipped) lines.push(`          ${golden.name}: ${golden.skipped}`)
  for (const warning of report.warnings) lines.push(`warning   ${warning}`)
  const timings = Object.entries(report.timings).map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`)
  lines.push(`time      ${timings.join(', ')}`)
  return lines.join('\n')
}
