// npm run format: formats and lints what is written in TypeScript and, where its Python is ready, in Python.
import { join } from 'node:path'
import { install, root, run } from './pnpm.mjs'
import { PYTHON_FOLDERS, readyPython } from './python.mjs'

await install()
const codes = [await run(join(root, 'node_modules', '.bin', 'biome'), ['check', '--write', '.'])]
const python = readyPython()
if (python) {
  codes.push(await run(python, ['-m', 'ruff', 'format', ...PYTHON_FOLDERS]))
  codes.push(await run(python, ['-m', 'ruff', 'check', '--fix', ...PYTHON_FOLDERS]))
} else
  console.log('Python files were left as they are: no Python is ready. npm test brings one, or set TENSORFERRY_PYTHON.')
process.exitCode = Math.max(...codes)
