import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url))
/** The built program. */
export const PROGRAM_PATH = PROGRAM
const TERMINAL = fileURLToPath(new URL('terminal.py', import.meta.url))
/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** Ten digits, one a file. */
export const SAMPLES = join(ROOT, 'examples/digits/samples')

/** What the program printed, and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

interface StartOptions {
  readonly cwd?: string
  readonly input?: Uint8Array | string
  readonly env?: NodeJS.ProcessEnv
}

function userEnvironment(): NodeJS.ProcessEnv {
  const environment = Object.entries(process.env).filter(
    ([name]) => !/^(TENSORFERRY_|VITEST|NODE_(OPTIONS|ENV|PATH)$|FORCE_COLOR$|NO_COLOR$)/.test(name),
  )
  return { ...Object.fromEntries(environment), npm_config_update_notifier: 'false' }
}

/** Starts the built program as a shell does. */
export function start(args: readonly string[], { cwd = ROOT, input, env }: StartOptions = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: { ...userEnvironment(), ...env } })
  child.stdin.end(input ?? '')
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...output }))
  })
  return { child, ended }
}

/** Runs the built program to its end. */
export function tensorferry(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return start(args, options).ended
}

/** How {@link runInTerminal} presses Ctrl-C. */
interface PressOptions {
  readonly cwd: string
  /** Once the program has printed that. */
  readonly ready: string
  readonly presses: number
}

/** Runs a command in a terminal of its own and presses Ctrl-C, as a person does. */
export async function runInTerminal(
  command: readonly string[],
  { cwd, ready, presses }: PressOptions,
): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn('python3', [TERMINAL, ready, String(presses), ...command], { cwd, env: userEnvironment() })
  onTestFinished(() => void child.kill())
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await new Promise((resolve) => child.once('close', resolve))
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout)
}

// biome-ignore lint/suspicious/noExplicitAny: each command has a document of its own
type Answer = { readonly code: number | null; readonly answer: any }

/** Runs the program with `--json`; gives its one document and its exit code. */
export async function answerOf(args: readonly string[], options?: StartOptions): Promise<Answer> {
  const { code, stdout } = await tensorferry([...args, '--json'], options)
  return { code, answer: JSON.parse(stdout) }
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-cli-')))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A copy of one of the example bundles, to be changed. */
export async function copyBundle(name: 'digits' | 'super-resolution-x3'): Promise<string> {
  const folder = join(await temporaryFolder(), name)
  await cp(join(ROOT, 'examples/bundles', name), folder, { recursive: true })
  return folder
}

/** Changes a bundle's manifest. */
// biome-ignore lint/suspicious/noExplicitAny: a manifest on its way to being wrong
export async function changeManifest(folder: string, change: (manifest: any) => void): Promise<void> {
  const path = join(folder, 'bundle.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  change(manifest)
  await writeFile(path, JSON.stringify(manifest))
}

/** Changes a file of a bundle. */
export async function changeFile(folder: string, name: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(join(folder, name))
  change(bytes)
  await writeFile(join(folder, name), bytes)
}

/** Makes the manifest vouch for a file as it is now. */
export async function vouchFor(folder: string, name: string): Promise<void> {
  const bytes = await readFile(join(folder, name))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  await changeManifest(folder, (manifest) => {
    const files = [
      manifest.goldens.file,
      ...manifest.artifacts.flatMap((artifact: { files: unknown[] }) => artifact.files),
    ]
    Object.assign(
      files.find(({ path }) => path === name),
      { size: bytes.length, sha256 },
    )
  })
}

/** Where a tensor's data begin in a safetensors file. */
export function dataOffset(bytes: Buffer, tensor: string): number {
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  return 8 + length + header[tensor].data_offsets[0]
}
