// npm run pack [-- folder]: builds the packages and writes the tarballs that a project outside the repository installs.
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, install, PACKAGES, pnpmQuietly, root, stop } from './pnpm.mjs'

const HELP = `Usage: npm run pack [-- FOLDER]

Builds the packages and writes their tarballs into FOLDER (default: out/ in the repository), which npm installs in a project
outside it. Prints the line that does.`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP)
  process.exit(0)
}
// A misspelt option would become the name of a folder.
if (args.length > 1 || args[0]?.startsWith('-')) stop(`Expected one folder at most, got ${args.join(' ')}.\n\n${HELP}`)
const folder = resolve(process.env.INIT_CWD ?? process.cwd(), args[0] ?? join(root, 'out'))
await install()
await build(PACKAGES)
mkdirSync(folder, { recursive: true })
const tarballs = []
for (const name of PACKAGES) {
  const from = join(root, 'packages', name)
  const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'))
  const tarball = join(folder, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`)
  // Built above.
  const packing = ['pack', '--config.ignore-scripts=true', '--out', tarball]
  if ((await pnpmQuietly(packing, { cwd: from })) !== 0) {
    stop(`${manifest.name} could not be packed; the lines above say why.`)
  }
  tarballs.push(tarball)
}
console.log(
  `In a project of your own:\n\n  npm install ${tarballs.map((path) => JSON.stringify(path)).join(' ')} sharp\n`,
)
