import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildAddon, findLibtorch } from '@tensorferry/backend-libtorch'
import { ensurePython } from '../../scripts/python.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Runs a program with the terminal as its own. */
export function runToEnd(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}

/**
 * Python with PyTorch, its libtorch with the addon built, and the models, kept in .cache.
 *
 * @param {string} name - of the folder
 * @param {number[]} threads - numbers of threads that AOTInductor compiles each model for
 */
export async function prepare(name, threads) {
  const python = await ensurePython()
  // Both sides take the very same libtorch.
  const found = await findLibtorch({ libtorch: dirname(dirname(python)), oldest: '2.13' })
  process.env.LIBTORCH = found.root
  const { compiled, seconds } = await buildAddon(found)
  if (compiled) console.log(`built the TorchScript addon in ${seconds.toFixed(1)} s`)
  const sources = ['models.py', 'write_inputs.py'].map((name) => readFileSync(here(name)))
  const hash = sources.reduce((sum, source) => sum.update(source), createHash('sha256').update(found.version))
  const folder = here(`../../.cache/bench-${name}-${hash.digest('hex').slice(0, 8)}`)
  if (!existsSync(`${folder}/complete`)) {
    mkdirSync(folder, { recursive: true })
    console.log(`exporting the models${threads.length > 0 ? ' and compiling them (minutes)' : ''} ...`)
    runToEnd(python, [here('write_inputs.py'), folder])
    runToEnd(python, [here('models.py'), folder, ...threads.map(String)])
  }
  return { python, folder, libtorch: found }
}
