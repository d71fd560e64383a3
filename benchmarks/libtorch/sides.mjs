import { fileURLToPath } from 'node:url'
import { Side } from '../side.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** @param kind - `eager`, `torchscript` or `aot-inductor` */
export const pythonSide = ({ python, folder }, kind, name, threads) =>
  Side.start(python, [here('python_side.py'), kind, folder, name, String(threads)])

export const nodeSide = ({ folder }, format, name, threads, options = {}) =>
  Side.start(process.execPath, [here('node-side.mjs'), JSON.stringify({ folder, name, format, threads, options })])
