// The second half of pnpm run docs: builds the playground into docs/api, and links TypeDoc's pages to it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { build, pnpm, root, stop } from './pnpm.mjs'

const OUT = join(root, 'docs', 'api')
/** As typedoc.json has it: relative to the front page, and TypeDoc writes it into every page. */
const LINK = 'playground/index.html'

await build(['core', 'backend-onnx-web'])
const vite = ['--filter', '@tensorferry/playground', 'exec', 'vite', 'build', '--logLevel', 'warn']
if ((await pnpm([...vite, '--outDir', join(OUT, 'playground'), '--emptyOutDir'])) !== 0)
  stop('The playground could not be built.')

const pages = readdirSync(OUT, { recursive: true }).filter(
  (path) => path.endsWith('.html') && !path.startsWith('playground'),
)
for (const path of pages) {
  const from = relative(OUT, dirname(join(OUT, path))).replaceAll('\\', '/')
  const html = readFileSync(join(OUT, path), 'utf8')
  const link = posix.relative(from, LINK)
  writeFileSync(join(OUT, path), html.replaceAll(`href="${LINK}"`, `href="${link}"`))
}
const front = readFileSync(join(OUT, 'index.html'), 'utf8')
if (!front.includes(`href="${LINK}"`))
  stop(`The front page has no link to ${LINK}; see navigationLinks in typedoc.json.`)
console.log('written to docs/api; the playground is docs/api/playground, for any static host')
