import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const START_MS = 120_000

/** Python with the packages of `requirements/NAME.txt`, kept in `.cache`. */
export function peerPython(name) {
  const requirements = here(`requirements/${name}.txt`)
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 8)
  const folder = here(`../../.cache/bench-peers/${name}-${hash}`)
  const python = join(folder, 'bin', 'python')
  if (existsSync(join(folder, 'complete'))) return python
  console.log(`installing ${name} ...`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-q', '-r', requirements]
  for (const [command, args] of [
    ['python3', ['-m', 'venv', folder]],
    [python, pip],
  ]) {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, PYTHONPATH: '' } })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stderr}`)
  }
  writeFileSync(join(folder, 'complete'), '')
  return python
}

/** A port that nothing listens on. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

const isUp = (port, path) =>
  fetch(`http://127.0.0.1:${port}${path}`).then(
    ({ status }) => status < 500,
    () => false,
  )

/** A server with all its processes, which stand still while another one is measured. */
export class ServerSide {
  #child
  #printed = ''
  constructor(name, command, args, { cwd, env } = {}) {
    this.name = name
    // A process group of its own: it is stopped, continued and ended whole.
    this.#child = spawn(command, args, {
      cwd,
      env: { ...process.env, PYTHONPATH: '', ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk) => {
        this.#printed = (this.#printed + chunk).slice(-4000)
      })
    }
  }
  get id() {
    return this.#child.pid
  }
  async ready(port, path) {
    const end = Date.now() + START_MS
    while (!(await isUp(port, path))) {
      if (this.#child.exitCode !== null || Date.now() > end)
        throw new Error(`${this.name} did not start\n${this.#printed}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return this
  }
  pause() {
    process.kill(-this.#child.pid, 'SIGSTOP')
  }
  resume() {
    process.kill(-this.#child.pid, 'SIGCONT')
  }
  async end() {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    for (const signal of ['SIGCONT', 'SIGTERM']) process.kill(-this.#child.pid, signal)
    const late = setTimeout(() => process.kill(-this.#child.pid, 'SIGKILL'), 5000)
    await ended
    clearTimeout(late)
  }
}
