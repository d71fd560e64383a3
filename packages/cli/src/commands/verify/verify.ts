import { relative, resolve } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { askedBackends, type BackendOptions } from '../../backends/choose.ts'
import { checkFiles, openBundleOnDisk } from '../../bundle/read.ts'
import { writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { startProgress } from '../../terminal/progress.ts'
import { count } from '../../terminal/quantities.ts'
import { describeFailures, plainBackend } from './findings.ts'
import { formatStages, formatSummary } from './print.ts'
import { type VerifiedBackend, verifyBackend } from './replay.ts'

/** Options of `tensorferry verify`. */
export interface VerifyOptions extends BackendOptions, CommonOptions {
  readonly artifact?: string
  readonly html?: string
}

/** Replays a bundle's goldens on every installed backend. */
export async function verify(
  source: string,
  options: VerifyOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const bundle = await openBundleOnDisk(source, 'it has no goldens to replay')
  const { manifest, folder } = bundle
  if (!manifest.goldens) {
    throw new TensorferryError(
      'NOT_FOUND',
      `${folder} has no goldens to replay; export it with tensorferry.export_bundle`,
    )
  }
  if (options.artifact !== undefined && !manifest.artifacts.some(({ name }) => name === options.artifact)) {
    const names = manifest.artifacts.map(({ name }) => name).join(', ')
    throw new TensorferryError('OPTIONS_INVALID', `--artifact: no artifact ${options.artifact}; there are: ${names}`)
  }
  const chosen = await askedBackends(options)
  const files = await checkFiles(bundle)
  const progress = startProgress(terminal, 'replayed', chosen.length * manifest.goldens.cases.length)
  const backends: VerifiedBackend[] = []
  try {
    for (const one of chosen) {
      const onCase = (): void => progress.advance(one.found.name)
      backends.push(...(await verifyBackend(one, bundle, files, { artifact: options.artifact, signal, onCase })))
    }
  } finally {
    progress.stop()
  }
  const broken = files.filter(({ problem }) => problem !== null)
  const failures = [...broken.map(({ path, problem }) => `file ${path}: ${problem}`), ...describeFailures(backends)]
  const replayed = backends.filter(({ status }) => status !== 'unusable')
  const passed = failures.length === 0 && replayed.length > 0
  if (options.html !== undefined) {
    const { writeReport } = await import('./html/report.ts')
    await writeWhole(resolve(options.html), await writeReport({ bundle, files, backends, failures, passed }))
  }
  if (options.json) {
    const { name, version } = manifest
    const document = {
      bundle: { name, version },
      folder,
      passed,
      failures,
      files,
      backends: backends.map(plainBackend),
    }
    terminal.print(toJson(document))
  } else print()
  if (failures.length > 0) return EXIT_CODES.CHECK_FAILED
  return replayed.length > 0 ? EXIT_CODES.DONE : EXIT_CODES.BACKEND

  function print(): void {
    const { colors } = terminal
    terminal.print(`${colors.bold(`${manifest.name} ${manifest.version}`)}  ${colors.dim(folder)}\n`)
    terminal.print(formatSummary(backends, colors))
    for (const one of backends) {
      const stages = formatStages(one, colors)
      if (stages) terminal.print(`\n${stages}`)
    }
    for (const { name, error, status } of backends) {
      if (status === 'unusable')
        terminal.print(`\n${colors.yellow('not usable')}  ${name}: ${error?.code}: ${error?.message}`)
    }
    if (failures.length > 0)
      terminal.print(`\n${failures.map((line) => `${colors.red('FAILED')}  ${line}`).join('\n')}`)
    const verdict = passed
      ? colors.green(`passed on ${count(replayed.length, 'backend')}: as PyTorch within the tolerance`)
      : failures.length > 0
        ? colors.red(count(failures.length, 'difference'))
        : colors.yellow('nothing was replayed')
    terminal.print(`\n${verdict}`)
    if (options.html !== undefined) terminal.print(`report: ${relative(process.cwd(), resolve(options.html))}`)
  }
}
