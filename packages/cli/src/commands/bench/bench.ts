import { availableParallelism, cpus } from 'node:os'
import { relative, resolve } from 'node:path'
import {
  loadModel,
  type Model,
  type RuntimeInfo,
  type Signature,
  TensorferryError,
  type Tensors,
} from '@tensorferry/core'
import { askedBackends, type BackendOptions, type ChosenBackend } from '../../backends/choose.ts'
import { displayName } from '../../backends/known.ts'
import { loadBackend } from '../../backends/load.ts'
import { openOnDisk } from '../../bundle/read.ts'
import { writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { startProgress } from '../../terminal/progress.ts'
import { formatMilliseconds } from '../../terminal/quantities.ts'
import { formatTable } from '../../terminal/table.ts'
import type { Colors } from '../../terminal/terminal.ts'
import { batchDim, firstGolden, makeFeed, parseSizes } from './feed.ts'
import { type Candidate, measure, summarizeTimes, type Timing } from './measure.ts'

/** Options of `tensorferry bench`. */
export interface BenchOptions extends Omit<BackendOptions, 'threads'>, CommonOptions {
  readonly threads?: readonly number[]
  readonly batch?: readonly number[]
  readonly dim?: readonly string[]
  readonly shape?: readonly string[]
  readonly artifact?: string
  readonly rounds: number
  readonly milliseconds: number
  readonly svg?: string
}

/** One combination, timed. */
export interface BenchRow {
  readonly backend: string
  readonly runtime: RuntimeInfo
  readonly artifact: string | null
  readonly threads: number
  readonly batch: number
  /** Milliseconds of one run. */
  readonly timing: Timing
  /** Rows a second at the median. */
  readonly throughput: number
}

interface Refused {
  readonly backend: string
  readonly threads: number
  readonly code: string
  readonly reason: string
}

const DEFAULT_BATCHES = [1, 4, 16]

/** Batches within the dim's range; without a batch axis one run is one row. */
function batchesOf(
  { dims, inputs }: Pick<Signature, 'dims' | 'inputs'>,
  wanted: readonly number[] | undefined,
): readonly number[] {
  const name = batchDim({ dims, inputs })
  if (name === null) {
    if (wanted === undefined || wanted.join() === '1') return [1]
    throw new TensorferryError('OPTIONS_INVALID', '--batch: the inputs of this model have no batch axis in common')
  }
  const { min = 1, max = null } = dims[name] ?? {}
  const fits = (size: number): boolean => size >= min && (max === null || size <= max)
  const outside = wanted?.find((size) => !fits(size))
  if (outside !== undefined) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `--batch: expected ${name} from ${min} to ${max ?? 'any'}, got ${outside}`,
    )
  }
  return wanted ?? DEFAULT_BATCHES.filter(fits)
}

/** Measures a model. */
export async function bench(
  source: string,
  options: BenchOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const opened = await openOnDisk(source)
  const sizes = parseSizes(options.dim, options.shape)
  const golden: Tensors = opened.kind === 'bundle' ? await firstGolden(opened) : {}
  const { threads: counts, ...backendOptions } = options
  const chosen = await askedBackends(backendOptions)
  const threadCounts = counts ?? [...new Set([1, availableParallelism()])]

  const models: Model[] = []
  const combinations: (Candidate & Pick<BenchRow, 'backend' | 'threads' | 'batch'>)[] = []
  const refused: Refused[] = []
  const load = async (one: ChosenBackend, threads: number): Promise<void> => {
    let model: Model
    let name = one.found.name
    try {
      const backend = await loadBackend(one.found, { ...one.options, threads })
      name = displayName(name, backend.name)
      model = await loadModel(source, { backend, artifact: options.artifact, signal })
    } catch (error) {
      if (signal.aborted || !TensorferryError.is(error)) throw error
      refused.push({ backend: name, threads, code: error.code, reason: error.message })
      return
    }
    models.push(model)
    const signature = { dims: opened.kind === 'bundle' ? opened.manifest.dims : {}, inputs: model.inputs }
    for (const batch of batchesOf(signature, options.batch)) {
      const feed = makeFeed(signature, batch, sizes, golden)
      combinations.push({ backend: name, threads, batch, model, feed, milliseconds: [] })
    }
  }
  try {
    for (const one of chosen) for (const threads of threadCounts) await load(one, threads)
    if (combinations.length === 0) {
      const reasons = refused.map(({ backend, code, reason }) => `${backend}: ${code}: ${reason}`)
      throw new TensorferryError(
        'BACKEND_UNAVAILABLE',
        `no backend can be measured:\n${[...new Set(reasons)].join('\n')}`,
      )
    }
    const progress = startProgress(terminal, 'measured', combinations.length * options.rounds)
    const onTurn = (): void => progress.advance('')
    try {
      await measure(combinations, { rounds: options.rounds, turnMs: options.milliseconds, signal, onTurn })
    } finally {
      progress.stop()
    }
  } finally {
    for (const model of models) await model.dispose()
  }

  const rows = combinations.map(({ backend, threads, batch, model, milliseconds }): BenchRow => {
    const timing = summarizeTimes(milliseconds)
    const { runtime, artifact } = model.report
    const throughput = (1000 * batch) / timing.median
    return { backend, runtime, artifact: artifact?.name ?? null, threads, batch, timing, throughput }
  })
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.versions.node,
  }
  const shapes = Object.fromEntries(Object.entries(combinations[0]!.feed).map(([name, { shape }]) => [name, shape]))
  const name =
    opened.kind === 'bundle'
      ? `${opened.manifest.name} ${opened.manifest.version}`
      : relative(process.cwd(), opened.path)
  const shapeText = Object.entries(shapes)
    .map(([input, shape]) => `${input} [${shape.join(', ')}]`)
    .join(', ')
  if (options.svg !== undefined) {
    const { drawBench } = await import('./chart.ts')
    const subtitle = `${shapeText}; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`
    await writeWhole(resolve(options.svg), drawBench(rows, `${name}: latency and throughput`, subtitle))
  }
  const { rounds, milliseconds } = options
  if (options.json) terminal.print(toJson({ model: name, machine, shapes, rounds, milliseconds, rows, refused }))
  else {
    const { colors } = terminal
    terminal.print(
      `${colors.bold(name)}  ${colors.dim(`${shapeText} at batch ${combinations[0]!.batch}; ${machine.cpu}, ${machine.cores} cores`)}\n`,
    )
    terminal.print(formatRows(rows, colors))
    for (const one of refused) {
      terminal.print(
        `\n${colors.yellow('not measured')}  ${one.backend}, threads ${one.threads}: ${one.code}: ${one.reason}`,
      )
    }
    if (options.svg !== undefined) terminal.print(`\nchart: ${relative(process.cwd(), resolve(options.svg))}`)
  }
  // What was asked for by name and could not be measured is a failure; what merely is installed is not.
  return refused.length > 0 && options.backend?.length ? EXIT_CODES.CHECK_FAILED : EXIT_CODES.DONE
}

function formatRows(rows: readonly BenchRow[], colors: Colors): string {
  const columns = [
    { name: 'backend' },
    { name: 'runtime' },
    { name: 'provider' },
    { name: 'threads', numbers: true },
    { name: 'batch', numbers: true },
    { name: 'median', numbers: true },
    { name: 'min', numbers: true },
    { name: 'p95', numbers: true },
    { name: 'runs', numbers: true },
    { name: 'rows/s', numbers: true },
  ]
  const best = Math.max(...rows.map(({ throughput }) => throughput))
  const lines = rows.map(({ backend, runtime, threads, batch, timing, throughput }) => {
    const rate = Number(throughput.toPrecision(3)).toLocaleString('en')
    return [
      backend,
      `${runtime.name} ${runtime.version}`,
      runtime.provider ?? '',
      String(threads),
      String(batch),
      formatMilliseconds(timing.median),
      formatMilliseconds(timing.min),
      formatMilliseconds(timing.p95),
      String(timing.runs),
      throughput === best ? colors.green(rate) : rate,
    ]
  })
  return formatTable(columns, lines, colors)
}
