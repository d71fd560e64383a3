// pnpm bench [part] [--option]: runs one folder beside this file, or all of them; options are the part's own.
import { existsSync, readdirSync } from 'node:fs'

const entryOf = (part) => new URL(`./${part}/index.mjs`, import.meta.url)
const parts = readdirSync(new URL('.', import.meta.url)).filter((name) => existsSync(entryOf(name)))
const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const options = process.argv.slice(2).filter((word) => word.startsWith('--'))
const unknown = asked.filter((part) => !parts.includes(part))

if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${parts.join(', ')}`)
  process.exitCode = 1
} else {
  for (const part of asked.length > 0 ? asked : parts) await (await import(entryOf(part))).run(options)
}
