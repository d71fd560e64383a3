import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What of a package.json the tests look at. */
export interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly private?: boolean
  readonly license: string
  readonly type: string
  readonly sideEffects?: boolean
  readonly engines: { readonly node: string }
  readonly packageManager: string
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin?: Readonly<Record<string, string>>
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** A package below packages/. */
export interface WorkspacePackage {
  readonly folder: string
  readonly manifest: PackageManifest
}

/** Reads the package.json of a folder. */
export function manifestOf(folder: string): PackageManifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/** Every package of this workspace, also those that are only built into others. */
export function workspacePackages(): readonly WorkspacePackage[] {
  const packages = join(ROOT, 'packages')
  return readdirSync(packages)
    .filter((name) => readdirSync(join(packages, name)).includes('package.json'))
    .map((name) => ({ folder: join(packages, name), manifest: manifestOf(join(packages, name)) }))
}

/** Every package of this workspace that is published to npm. */
export function publishedPackages(): readonly WorkspacePackage[] {
  return workspacePackages().filter(({ manifest }) => !manifest.private)
}

/** What a program printed, and how it ended. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function collect(child: ChildProcess): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...output }))
  })
}

/** The environment of a user's terminal: nothing of vitest's or of the npm that started the tests. */
function userEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (
      /^(VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_V8_COVERAGE$|TEST$|DEV$|PROD$|MODE$|SSR$|INIT_CWD$|TENSORFERRY_)/.test(
        name,
      )
    )
      continue
    if (/^npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix|config_loglevel)/.test(name))
      continue
    environment[name] = value
  }
  return { ...environment, FORCE_COLOR: '0', NO_COLOR: '1', npm_config_update_notifier: 'false' }
}

/** Runs a program as a user would from `folder`. */
export function run(
  folder: string,
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  // Windows finds npm.cmd and npx.cmd through a shell alone.
  const shell = process.platform === 'win32' && command !== process.execPath
  return collect(spawn(command, args, { cwd: folder, shell, env: { ...userEnvironment(), ...environment } }))
}

/** Runs a program that has to succeed; its output is in the error otherwise. */
export async function runToEnd(...call: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...call)
  if (code !== 0) throw new Error(`${call[1]} ${call[2].join(' ')} ended with ${code}\n${stdout}${stderr}`)
  return stdout
}
