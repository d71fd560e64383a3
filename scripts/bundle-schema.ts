// Writes packages/core/schema/bundle.schema.json from the one schema in core; with --check it compares instead.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import { manifestSchema } from '../packages/core/src/bundle/manifest.ts'

const path = new URL('../packages/core/schema/bundle.schema.json', import.meta.url)
const schema = {
  $id: 'urn:tensorferry:bundle:1',
  title: 'Tensorferry bundle, schema 1',
  description: 'bundle.json: a PyTorch model with its files, pre- and postprocessing, and goldens.',
  ...toJsonSchema(manifestSchema, { typeMode: 'input', errorMode: 'ignore' }),
}
const text = `${JSON.stringify(schema, null, 2)}\n`

if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error('packages/core/schema/bundle.schema.json is not what the sources say; run: pnpm run schema')
    process.exit(1)
  }
} else {
  mkdirSync(new URL('.', path), { recursive: true })
  writeFileSync(path, text)
}
