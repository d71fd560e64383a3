import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'

const require = createRequire(import.meta.url)

/** What decides the figures; no names, no paths. */
export function machineFacts(packages) {
  const version = (name) => JSON.parse(readFileSync(findManifest(name), 'utf8')).version
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [name, version(name)])),
  }
}

function findManifest(name) {
  for (const folder of require.resolve.paths(name)) {
    const path = `${folder}/${name}/package.json`
    try {
      readFileSync(path)
      return path
    } catch {
      // Not in this folder; the next one up.
    }
  }
  throw new Error(`${name} is not installed`)
}
