// Names handwritten digits: white on black, one to a picture.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle, type Classification, formatReport, loadModel, TensorferryError } from '@tensorferry/core'

const HELP = `Usage: pnpm --filter @tensorferry/examples digits [pictures ...]

Names the handwritten digit in each picture (white on black, one digit that fills it).
  pictures   JPEG, PNG or WebP files; default: ten samples that the network was not trained on

The backend is chosen by examples/tensorferry.config.json, or by TENSORFERRY_BACKEND.`

const BUNDLE = fileURLToPath(new URL('../bundles/digits', import.meta.url))
const SAMPLES = fileURLToPath(new URL('./samples', import.meta.url))

/** Types of the bundle, as its card gives them. */
interface Digits {
  readonly task: 'image-classification'
  readonly labels: '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
}

const percent = ({ label, score }: Classification): string => `${label} (${(100 * score).toFixed(1)} %)`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const base = process.env.INIT_CWD ?? process.cwd()
  const samples = (await readdir(SAMPLES)).filter((name) => name.endsWith('.png')).sort()
  const paths =
    positionals.length > 0 ? positionals.map((path) => resolve(base, path)) : samples.map((name) => join(SAMPLES, name))

  await using model = await loadModel(bundle<Digits>(BUNDLE))
  console.log(`${formatReport(model.report)}\n`)
  for (const path of paths) {
    try {
      const [best, ...others] = await model.predict(await readFile(path))
      console.log(`${basename(path).padEnd(16)} ${percent(best!)}, then ${others.map(percent).join(', ')}`)
    } catch (error) {
      // One bad picture must not cost the others.
      console.error(`${path}: ${(error as Error).message}`)
      process.exitCode = 1
    }
  }
}

main().catch((error: unknown) => {
  console.error(TensorferryError.is(error) || error instanceof TypeError ? error.message : error)
  process.exitCode = 1
})
