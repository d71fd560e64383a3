// npm run pack [-- folder]: builds the packages and writes the tarballs that a project outside the repository installs.
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, install, PACKAGES, pnpmQuietly, root, stop } from './pnpm.mjs'

const HELP = `Usage: npm run pack [-- FOLDER]

Builds the packages and writes their tarballs into FOLDER (default: out/ in the repository), which npm installs in a project
outside it. Prints them, and the line that installs the usual ones.`

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
// Built above.
const packing = ['pack', '--config.ignore-scripts=true', '--pack-destination', folder]
if ((await pnpmQuietly([...PACKAGES.flatMap((name) => ['--filter', `./packages/${name}`]), ...packing])) !== 0) {
  stop('The packages could not be packed; the lines above say why.')
}
/** Tarballs by package name. */
const tarballs = new Map(
  PACKAGES.map((name) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
    return [manifest.name, join(folder, file)]
  }),
)
const usual = ['@tensorferry/core', '@tensorferry/backend-onnx-node'].map((name) => JSON.stringify(tarballs.get(name)))
console.log(`${[...tarballs.values()].map((path) => `  ${path}\n`).join('')}
What a project of your own needs to run models in Node:

  npm install --ignore-scripts ${usual.join(' ')} sharp
`)
