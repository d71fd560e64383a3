// Finds, for each sentence, the one that says the most similar thing.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle, formatReport, loadModel, TensorferryError } from '@tensorferry/core'
import { embed, encode, loadTokenizer, type MiniLm, similarity } from './embed.ts'

const HELP = `Usage: pnpm --filter @tensorferry/examples minilm [--bundle folder] [sentences ...]

Finds, for each sentence, the one among the others that says the most similar thing.
  sentences   two or more; default: eight of its own
  --bundle    default: out/minilm, which python examples/minilm/export.py writes

The backend is chosen by examples/tensorferry.config.json, or by TENSORFERRY_BACKEND.`

const SENTENCES = [
  'A man is playing a guitar.',
  'How do I reset my password?',
  'The stock market fell sharply on Monday.',
  'The chef is chopping onions for the soup.',
  'Shares dropped at the start of the week.',
  'A cook cuts vegetables before making a stew.',
  'Someone strums an acoustic guitar.',
  'I forgot my login credentials and need to recover my account.',
]

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false }, bundle: { type: 'string' } },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const folder = values.bundle
    ? resolve(process.env.INIT_CWD ?? process.cwd(), values.bundle)
    : fileURLToPath(new URL('../../out/minilm', import.meta.url))
  if (!existsSync(join(folder, 'bundle.json'))) {
    throw new TypeError(`no bundle in ${folder}; python examples/minilm/export.py writes one`)
  }
  const sentences = positionals.length > 0 ? positionals : SENTENCES
  if (sentences.length < 2) throw new TypeError('expected two sentences or more, got one')

  const tokenizer = await loadTokenizer(folder)
  await using model = await loadModel(bundle<MiniLm>(folder))
  console.log(`${formatReport(model.report)}\n`)
  const embeddings = await embed(
    model,
    sentences.map((sentence) => encode(tokenizer, sentence)),
  )
  for (const [index, sentence] of sentences.entries()) {
    const scores = embeddings.map((other, at) => (at === index ? -1 : similarity(embeddings[index]!, other)))
    const nearest = scores.indexOf(Math.max(...scores))
    console.log(`${sentence}\n  ${scores[nearest]!.toFixed(3)}  ${sentences[nearest]}`)
  }
}

main().catch((error: unknown) => {
  console.error(TensorferryError.is(error) || error instanceof TypeError ? error.message : error)
  process.exitCode = 1
})
