// pnpm bench [part] [--option]: runs one folder beside this file, or all of them; options are the part's own.
import { existsSync, readdirSync, readFileSync } from 'node:fs'

const entryOf = (part) => new URL(`./${part}/index.mjs`, import.meta.url)
const parts = readdirSync(new URL('.', import.meta.url)).filter((name) => existsSync(entryOf(name)))
const words = process.argv.slice(2)
const asked = words.filter((word) => !word.startsWith('-'))
const options = words.filter((word) => word.startsWith('-'))

/** A part's options with what they do; `OPTIONS` of its entry. */
const optionsOf = async (part) => (await import(entryOf(part))).OPTIONS ?? {}

async function help() {
  const lines = [
    'Usage: pnpm bench [PART…] [OPTION…]',
    '',
    'Measures all parts, or those named, and writes benchmarks/results.',
    '',
  ]
  for (const part of parts) {
    // the first line of each entry says what it measures
    lines.push(`  ${part.padEnd(12)} ${readFileSync(entryOf(part), 'utf8').split('\n', 1)[0].replace('// ', '')}`)
    for (const [option, text] of Object.entries(await optionsOf(part)))
      lines.push(`${' '.repeat(15)}${option}: ${text}`)
  }
  return lines.join('\n')
}

/** What is wrong with the words given, or nothing. */
async function complaint() {
  const unknown = asked.filter((part) => !parts.includes(part))
  if (unknown.length > 0) return `no benchmark ${unknown.join(', ')}; there are: ${parts.join(', ')}`
  if (options.length === 0) return undefined
  if (asked.length !== 1)
    return `${options.join(' ')}: an option belongs to one part; name it, as in: pnpm bench server --soak`
  const known = Object.keys(await optionsOf(asked[0])).map((option) => option.split(/[[=]/, 1)[0])
  const strange = options.filter((option) => !known.includes(option.split('=', 1)[0]))
  if (strange.length === 0) return undefined
  return `no option ${strange.join(' ')} of ${asked[0]}; it has ${known.join(', ') || 'none'}`
}

if (options.includes('--help') || options.includes('-h')) {
  console.log(await help())
} else {
  const wrong = await complaint()
  if (wrong) {
    console.error(wrong)
    process.exitCode = 1
  } else {
    for (const part of asked.length > 0 ? asked : parts) await (await import(entryOf(part))).run(options)
  }
}
