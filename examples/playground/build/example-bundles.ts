import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const FOLDER = fileURLToPath(new URL('../../bundles/', import.meta.url))
const NAMES = ['super-resolution-x3', 'digits']
/** Files that a browser reads, and the card; the forms for libtorch stay behind. */
const WANTED = /\.(json|onnx|safetensors|png|md)$/

const filesOf = (name: string): string[] => readdirSync(join(FOLDER, name)).filter((file) => WANTED.test(file))

/** Serves and copies the repository's bundles as `bundles/NAME/`. */
export function exampleBundles(): Plugin {
  return {
    name: 'example-bundles',
    configureServer({ middlewares }) {
      middlewares.use('/bundles', (request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1)
        const [name = '', file = ''] = path.split('/')
        if (!NAMES.includes(name) || !WANTED.test(file) || !existsSync(join(FOLDER, name, file))) return next()
        createReadStream(join(FOLDER, name, file)).pipe(response)
      })
    },
    generateBundle() {
      for (const name of NAMES) {
        for (const file of filesOf(name)) {
          this.emitFile({
            type: 'asset',
            fileName: `bundles/${name}/${file}`,
            source: readFileSync(join(FOLDER, name, file)),
          })
        }
      }
    },
  }
}
