// npm run pack [-- folder]: builds the packages and writes the tarballs that a project outside the repository installs.
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, install, PACKAGES, pnpmQuietly, root, stop } from './pnpm.mjs'

const folder = resolve(process.env.INIT_CWD ?? process.cwd(), process.argv[2] ?? join(root, 'out'))
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
