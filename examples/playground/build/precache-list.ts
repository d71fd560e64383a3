import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Plugin } from 'vite'

/** Fetched when somebody asks for WebGPU or WebNN, and kept from then on; the worker itself is never cached. */
const LATER = /-gpu[-.]|^service-worker\.js$|\.map$/
const PLACEHOLDER = '__PRECACHE__'

/** Writes what the page needs offline, each file with its hash, into the built service worker. */
export function precacheList(): Plugin {
  let folder = ''
  return {
    name: 'precache-list',
    apply: 'build',
    enforce: 'post',
    configResolved({ root, build }) {
      folder = resolve(root, build.outDir)
    },
    closeBundle() {
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
        .filter((path) => !LATER.test(path))
        .sort()
      const entries = files.map((path) => {
        const hash = createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('base64')
        return [path === 'index.html' ? './' : `./${path}`, `sha256-${hash}`]
      })
      const worker = join(folder, 'service-worker.js')
      const script = readFileSync(worker, 'utf8')
      if (!script.includes(PLACEHOLDER)) this.error(`service-worker.js: no ${PLACEHOLDER} to put the list of files in`)
      writeFileSync(
        worker,
        script.replace(PLACEHOLDER, () => JSON.stringify(entries)),
      )
    },
  }
}
