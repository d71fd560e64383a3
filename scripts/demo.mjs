// npm run demo [-- photo.jpg]: installs and builds what the super-resolution example needs, and runs it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, install, root, run } from './pnpm.mjs'

const args = process.argv.slice(2)
if (args.some((arg) => arg === '--help' || arg === '-h')) {
  // Before anything is installed.
  process.stdout.write(readFileSync(join(root, 'examples', 'super-resolution', 'help.txt'), 'utf8'))
  process.exit(0)
}
await install()
await build(['core', 'backend-onnx-node'], { types: false })
const example = join(root, 'examples')
// npm sets INIT_CWD to the folder it was called in: a photo's path and the results are relative to that.
const env = { INIT_CWD: process.env.INIT_CWD ?? process.cwd() }
const tsx = join(example, 'node_modules', 'tsx', 'dist', 'cli.mjs')
process.exitCode = await run(process.execPath, [tsx, 'super-resolution/main.ts', ...args], { cwd: example, env })
