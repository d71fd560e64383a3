import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { guideTables, withFigures } from './tables.mjs'

const GUIDE = new URL('../../docs/guides/scaling.md', import.meta.url)

/** The committed results that the guide shows. */
export function readResults() {
  const read = (name) => {
    const path = new URL(`../results/${name}.json`, import.meta.url)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
  }
  return {
    onnxNode: read('onnx-node'),
    libtorch: read('libtorch'),
    server: read('server'),
    soak: read('server-soak'),
  }
}

/** Puts the figures into the guide. */
export function writeGuide() {
  const guide = readFileSync(GUIDE, 'utf8')
  writeFileSync(GUIDE, withFigures(guide, guideTables(readResults())))
}
