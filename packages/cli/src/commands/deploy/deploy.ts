import { copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { checkFiles, openBundleOnDisk } from '../../bundle/read.ts'
import { writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { count } from '../../terminal/quantities.ts'
import { composeFiles, composeSteps } from './compose.ts'
import { kserveFiles, kserveSteps } from './kserve.ts'
import { kubernetesFiles, kubernetesSteps } from './kubernetes.ts'
import { type DeployPlan, makePlan, type PlanOptions, type Target } from './plan.ts'
import { rayFiles, raySteps } from './ray.ts'
import type { WrittenFile } from './written-file.ts'

/** Options of `tensorferry deploy`. */
export interface DeployOptions extends PlanOptions, CommonOptions {
  readonly out?: string
  /** Folder with the tarballs of `npm run pack`. */
  readonly packages?: string
  readonly force?: boolean
}

interface Writer {
  files(plan: DeployPlan, tarballs: readonly string[]): readonly WrittenFile[]
  /** Commands, in their order. */
  steps(plan: DeployPlan, folder: string): readonly string[]
}

const WRITERS: Readonly<Record<Target, Writer>> = {
  kserve: { files: kserveFiles, steps: kserveSteps },
  kubernetes: { files: kubernetesFiles, steps: kubernetesSteps },
  ray: { files: rayFiles, steps: raySteps },
  compose: { files: composeFiles, steps: composeSteps },
}

async function findTarballs(folder: string | undefined): Promise<readonly string[]> {
  if (folder === undefined) return []
  const names = await readdir(folder).catch(() => [])
  const tarballs = names.filter((name) => /^tensorferry.*\.tgz$/.test(name)).sort()
  if (tarballs.length > 0) return tarballs.map((name) => resolve(folder, name))
  throw new TensorferryError(
    'NOT_FOUND',
    `--packages: no tensorferry*.tgz in ${resolve(folder)}; npm run pack makes them`,
  )
}

async function requireUnused(folder: string, files: readonly WrittenFile[]): Promise<void> {
  const found: string[] = []
  for (const { path } of files) if (await stat(join(folder, path)).catch(() => null)) found.push(path)
  if (found.length === 0) return
  const shown = found.length > 3 ? `${found.slice(0, 3).join(', ')} and ${found.length - 3} more` : found.join(', ')
  throw new TensorferryError(
    'OPTIONS_INVALID',
    `${shown} in ${folder} would be overwritten; nothing was written; --force overwrites, --out names another folder`,
    { details: { folder, files: found } },
  )
}

/** Writes what a target needs to serve a bundle. */
export async function deploy(
  target: Target,
  source: string,
  options: DeployOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const bundle = await openBundleOnDisk(source, 'a deployment needs its name, version and goldens')
  const plan = makePlan(bundle, target, options)
  const wanted = new Set(plan.modelFiles.map(({ path }) => path))
  const damaged = (await checkFiles(bundle)).filter(({ path, problem }) => problem !== null && wanted.has(path))
  if (damaged.length > 0) {
    const what = damaged.map(({ path, problem }) => `${path}: ${problem}`).join('; ')
    throw new TensorferryError('INTEGRITY_FAILED', `${what}; the server would refuse it; export the bundle again`)
  }
  const { files: filesOf, steps: stepsOf } = WRITERS[target]
  const files = filesOf(plan, await findTarballs(options.packages))
  const folder = resolve(options.out ?? join('deploy', target))
  if (!options.force) await requireUnused(folder, files)
  for (const file of files) {
    signal.throwIfAborted()
    const path = join(folder, file.path)
    if ('content' in file) await writeWhole(path, file.content)
    else {
      await mkdir(dirname(path), { recursive: true })
      await copyFile(file.copyOf, path)
    }
  }
  const shown = relative(process.cwd(), folder)
  const steps = stepsOf(plan, shown === '' ? '.' : shown.startsWith('..') ? folder : shown)
  if (options.json) {
    const { model, version, image } = plan
    terminal.print(toJson({ target, model, version, image, folder, files: files.map(({ path }) => path), next: steps }))
    return EXIT_CODES.DONE
  }
  const { bold, dim } = terminal.colors
  terminal.print(`wrote ${count(files.length, 'file')} to ${bold(shown || '.')}`)
  for (const { path } of files) terminal.print(`  ${path}`)
  if (options.packages === undefined) {
    terminal.note(
      `${terminal.noteColors.yellow('note:')} packages come from npm; before they are published there, pass --packages with the folder of npm run pack`,
    )
  }
  terminal.print('next:')
  for (const step of steps) terminal.print(`  ${dim('$')} ${step}`)
  return EXIT_CODES.DONE
}
