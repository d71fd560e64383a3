import { findBackendConfig, installAdvice } from '@tensorferry/core/node'
import { askedBackends, type BackendOptions, type ChosenBackend } from '../../backends/choose.ts'
import { findBackend, findInstalledBackends } from '../../backends/find.ts'
import { KNOWN_BACKENDS, packageName, runsUnasked, shortName } from '../../backends/known.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { formatBytes, formatMilliseconds, formatSmall } from '../../terminal/quantities.ts'
import { formatFacts, formatTable } from '../../terminal/table.ts'
import type { Colors } from '../../terminal/terminal.ts'
import { type ExaminedBackend, examine } from './examine.ts'
import { type MachineFacts, readMachine } from './machine.ts'

/** Options of `tensorferry doctor`. */
export type DoctorOptions = BackendOptions & CommonOptions

async function backendsToExamine(options: DoctorOptions): Promise<readonly ChosenBackend[]> {
  // A machine without any is what a doctor is called for.
  return options.backend?.length || (await findInstalledBackends()).length > 0 ? askedBackends(options) : []
}

function notInstalled(name: string, wanted: string): ExaminedBackend {
  return {
    name,
    package: wanted,
    version: null,
    path: null,
    installed: false,
    usable: false,
    formats: [],
    runtime: null,
    error: null,
    milliseconds: null,
    code: 'BACKEND_NOT_INSTALLED',
    reason: 'not installed',
    hint: installAdvice(wanted),
  }
}

/** Says what this machine has and which backends work here. */
export async function doctor(options: DoctorOptions, { terminal, signal }: CommandContext): Promise<ExitCode> {
  const machine = await readMachine()
  const backends: ExaminedBackend[] = []
  for (const chosen of await backendsToExamine(options)) backends.push(await examine(chosen, signal))
  if (!options.backend?.length) {
    const found = backends.map(({ name }) => name)
    const known = KNOWN_BACKENDS.filter((name) => runsUnasked(packageName(name)))
    const configured = (await findBackendConfig())?.backends.map(([name]) => name) ?? []
    const absent = (await Promise.all(configured.map(findBackend))).flatMap((one, index) =>
      one === null ? configured[index]! : [],
    )
    const others = absent.filter((name) => !known.includes(shortName(name)))
    backends.push(...others.map((name) => notInstalled(name, name)))
    backends.push(...known.filter((name) => !found.includes(name)).map((name) => notInstalled(name, packageName(name))))
  }
  const isHealthy = machine.node.supported && backends.some(({ usable }) => usable)
  if (options.json) terminal.print(toJson({ ...machine, backends, healthy: isHealthy }))
  else terminal.print(formatDoctor(machine, backends, terminal.colors))
  return isHealthy ? EXIT_CODES.DONE : EXIT_CODES.BACKEND
}

function formatDoctor(machine: MachineFacts, backends: readonly ExaminedBackend[], colors: Colors): string {
  const { node, system, cpu, memory, sharp, config } = machine
  const good = colors.green
  const bad = colors.red
  const facts: [string, string][] = [
    ['tensorferry', machine.tensorferry],
    ['node', node.supported ? node.version : bad(`${node.version}, wanted ${node.wanted}`)],
    ['system', `${system.platform} ${system.arch}, ${system.release}`],
    ...(machine.libc ? ([['libc', machine.libc]] as [string, string][]) : []),
    ['cpu', `${cpu.model}, ${cpu.cores} cores${cpu.usable === cpu.cores ? '' : `, ${cpu.usable} usable`}`],
    ['threads', `${cpu.usable} unless a backend is told otherwise`],
    ['memory', `${formatBytes(memory.total)}, ${formatBytes(memory.free)} free`],
    ['pictures', sharp === null ? bad('sharp is missing: npm install sharp') : `sharp ${sharp}`],
    ['config', config ? `${config.from}: ${config.backends.join(', ')}` : 'none; tensorferry init writes one'],
  ]
  const columns = [
    { name: 'backend' },
    { name: 'version' },
    { name: 'state' },
    { name: 'runtime' },
    { name: 'provider' },
    { name: 'threads', numbers: true },
    { name: 'reads' },
    { name: 'tiny model' },
  ]
  const rows = backends.map(({ name, version, usable, installed, runtime, formats, error, milliseconds }) => [
    name,
    version ?? '',
    usable ? good('works') : installed ? bad('does not work') : colors.dim('not installed'),
    runtime ? `${runtime.name} ${runtime.version}` : '',
    runtime?.provider ?? '',
    runtime?.threads === null || runtime === null ? '' : String(runtime.threads),
    formats.join(', '),
    error === null
      ? ''
      : `error ${formatSmall(error)}${milliseconds === null ? '' : `, ${formatMilliseconds(milliseconds)}`}`,
  ])
  const advice = backends
    .filter(({ usable }) => !usable)
    .map(({ name, code, reason, hint }) => `${colors.bold(name)}: ${code}: ${reason}${hint ? `; ${hint}` : ''}`)
  const parts = [formatFacts(facts, colors), formatTable(columns, rows, colors)]
  if (advice.length > 0) parts.push(advice.join('\n'))
  if (!backends.some(({ usable }) => usable)) parts.push(bad('No backend works here.'))
  return parts.join('\n\n')
}
