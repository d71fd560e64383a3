// Installs and builds the workspace with the pinned pnpm, and only when something changed since the last time.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const isWindows = process.platform === 'win32'

const isPrivate = (name) =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')).private === true
const folders = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
)

/** Folders below packages/ that are published to npm. */
export const PACKAGES = folders.filter((name) => !isPrivate(name))

/** Folders below packages/ that are built into those. */
export const SHARED = folders.filter(isPrivate)

/** Programs in progress: several run side by side. */
const running = new Set()

function start(command, args, options) {
  const child = spawn(command, args, options)
  running.add(child)
  const forget = () => running.delete(child)
  child.once('error', forget)
  child.once('close', forget)
  return child
}

/** Says in one line why the script cannot go on, and ends it and what runs beside. */
export function stop(message) {
  console.error(message)
  for (const child of running) child.kill()
  process.exit(1)
}

/** Runs a program with the terminal as its own; resolves to its exit code. */
export function run(command, args, { cwd = root, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    // Windows finds npx.cmd through a shell alone, and a shell would split paths at spaces.
    const shell = isWindows && command === 'npx'
    const child = start(command, args, { cwd, stdio: 'inherit', shell, env: { ...process.env, ...env } })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ? 1 : code))
  })
}

/** Runs a program and keeps what it prints. */
export function runQuietly(command, args, { cwd = root, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = start(command, args, { cwd, shell: isWindows, env: { ...process.env, FORCE_COLOR: '0', ...env } })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.once('error', (error) => resolve({ code: 1, output: String(error) }))
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }))
  })
}

/** Runs the pinned pnpm, which npx brings on first use, and shows what it prints. */
export function pnpm(args, options) {
  return run(...pnpmCall(args, options))
}

/** Runs the pinned pnpm, and shows what it prints only when it fails; resolves to its exit code. */
export async function pnpmQuietly(args, options) {
  const { code, output } = await runQuietly(...pnpmCall(args, options))
  if (code !== 0) console.error(output.trimEnd())
  return code
}

function pnpmCall(args, options) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    stop(`Tensorferry needs Node 20.19 or newer, this is ${process.versions.node}. Install a newer Node and try again.`)
  }
  const env = { npm_config_update_notifier: 'false', ...options?.env }
  return ['npx', ['--yes', manifest.packageManager, ...args], { ...options, env }]
}

function hashOf(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    if (!existsSync(path)) return
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (name !== 'node_modules' && name !== 'dist') add(join(path, name))
    } else hash.update(path.slice(root.length)).update(readFileSync(path))
  }
  for (const path of paths) add(join(root, path))
  return hash.digest('hex')
}

/** True when `paths` changed since `done()` was called for this name. */
export function changedSince(name, paths, outputs = []) {
  const stamp = join(root, '.cache', 'stamps', name)
  const hash = hashOf(paths)
  const isFresh =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((path) => existsSync(join(root, path)))
  return {
    isFresh,
    done() {
      mkdirSync(join(root, '.cache', 'stamps'), { recursive: true })
      writeFileSync(stamp, hash)
    },
    begin: () => rmSync(stamp, { force: true }),
  }
}

const WORKSPACE_FILES = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']

/** Installs what the lockfile names, unless that is done. */
export async function install() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`)
  const stamp = changedSince('install', [...WORKSPACE_FILES, ...packages], ['node_modules/.modules.yaml'])
  if (stamp.isFresh) return
  stamp.begin()
  console.log('Installing packages ...')
  // Line by line: Python's packages may be installed beside it.
  if ((await pnpm(['install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only'])) !== 0) {
    stop('The packages could not be installed; the lines above say why.')
  }
  stamp.done()
}

/**
 * Builds packages, unless their sources are as they were.
 *
 * @param packages - folder names below packages/
 * @param types - whether declaration files are written too, which takes most of the time
 */
export async function build(packages, { types = true } = {}) {
  const sources = [...packages, ...SHARED].flatMap((name) => [
    `packages/${name}/src`,
    `packages/${name}/package.json`,
    `packages/${name}/tsup.config.ts`,
  ])
  const key = `build-${packages.join('+')}${types ? '' : '-js'}`
  const stamp = changedSince(
    key,
    [...sources, 'tsconfig.base.json'],
    packages.map((name) => `packages/${name}/dist/index.js`),
  )
  const full = changedSince(
    `build-${packages.join('+')}`,
    [...sources, 'tsconfig.base.json'],
    packages.map((name) => `packages/${name}/dist/index.d.ts`),
  )
  if (stamp.isFresh || full.isFresh) return
  stamp.begin()
  full.begin()
  console.log(`Building ${packages.join(', ')} ...`)
  const filters = packages.flatMap((name) => ['--filter', `./packages/${name}`])
  const env = types ? {} : { TENSORFERRY_SKIP_DTS: '1' }
  if ((await pnpmQuietly([...filters, 'run', 'build'], { env })) !== 0) {
    stop('The build failed; the lines above say why.')
  }
  stamp.done()
}
