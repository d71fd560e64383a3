// Before a package is packed: a full build. The demo builds without types, and nobody can use a package without them.
import { build, PACKAGES, stop } from './pnpm.mjs'

if (!process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  stop('npm packs "workspace:^" as it stands and leaves out the LICENSE. Pack all packages with: npm run pack')
}
await build(PACKAGES)
