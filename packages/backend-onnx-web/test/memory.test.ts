import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { launchProfile, openPage } from './browser/chromium.ts'
import { settledMemory } from './browser/page-memory.mjs'
import { startServer } from './browser/server.ts'
import type {} from './set-up.ts'

const encoders = inject('encoders')

test.skipIf('missing' in encoders || process.platform !== 'linux').each(['cache', 'memory'] as const)(
  'dispose gives the memory of a 90 MB model back, that of its files too: downloads %s',
  async (downloads) => {
    const { folder } = encoders as { folder: string }
    const server = await startServer()
    for (const name of ['encoder-narrow', 'encoder']) {
      for (const file of await readdir(join(folder, name))) {
        server.files.set(`/models/${name}/${file}`, await readFile(join(folder, name, file)))
      }
    }
    const context = await launchProfile()
    const page = await openPage(context, server.origin)
    const load = (name: string) =>
      page.evaluate(
        async ([name, downloads]) => {
          const model = await sdk.loadModel(`/models/${name}/`, { backend: sdk.onnxWeb({ threads: 1 }), downloads })
          Object.assign(globalThis, { kept: model })
        },
        [name, downloads] as const,
      )
    const dispose = () =>
      page.evaluate(() => (globalThis as unknown as { kept: { dispose(): Promise<void> } }).kept.dispose())
    // What the first model leaves for good, such as compiled code, is not the second one's.
    await load('encoder-narrow')
    await dispose()
    const before = await settledMemory(page)
    await load('encoder')
    expect((await settledMemory(page)) - before).toBeGreaterThan(90)
    await dispose()
    expect((await settledMemory(page)) - before).toBeLessThan(20)
    await context.close()
    await server.close()
  },
)
