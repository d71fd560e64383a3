import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** WebAssembly as base64, as tsup gives it to the built core. */
const wasmText = {
  name: 'wasm-text',
  enforce: 'pre' as const,
  async load(id: string) {
    return id.endsWith('.wasm') ? `export default '${await readFile(id, 'base64')}'` : null
  },
}

export default defineConfig({
  test: {
    projects: [
      {
        // Core is tested from its sources; the other packages resolve the built core by name, as users do.
        plugins: [wasmText],
        resolve: {
          alias: {
            '#platform': here('./packages/core/src/platform/node.ts'),
            '#printer': here('./packages/core/src/platform/printer-node.ts'),
          },
        },
        test: {
          name: 'core',
          include: ['packages/core/test/**/*.test.ts'],
          // Nothing here waits for anything, but three programs may share two cores.
          testTimeout: 30_000,
          typecheck: {
            enabled: true,
            include: ['packages/core/test/**/*.test-d.ts'],
            tsconfig: here('./packages/core/tsconfig.json'),
          },
        },
      },
      { test: { name: 'onnx-node', include: ['packages/backend-onnx-node/test/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'onnx-web',
          include: ['packages/backend-onnx-web/test/**/*.test.ts'],
          globalSetup: ['packages/backend-onnx-web/test/set-up.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'libtorch',
          include: ['packages/backend-libtorch/test/**/*.test.ts'],
          globalSetup: ['packages/backend-libtorch/test/set-up.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'examples',
          include: ['examples/**/*.test.ts'],
          globalSetup: ['packages/backend-libtorch/test/set-up.ts'],
          testTimeout: 120_000,
        },
      },
      {
        // The built program, as it ships, in processes of its own.
        test: {
          name: 'cli',
          include: ['packages/cli/test/**/*.test.ts'],
          testTimeout: 60_000,
          typecheck: {
            enabled: true,
            include: ['packages/cli/test/**/*.test-d.ts'],
            tsconfig: here('./packages/cli/tsconfig.json'),
          },
        },
      },
      {
        test: {
          name: 'server',
          include: ['packages/{server,backend-remote}/test/**/*.test.ts'],
          // Its one second is short on a machine that runs other tests beside.
          expect: { poll: { timeout: 30_000, interval: 10 } },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: 'workspace', include: ['tests/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000 } },
    ],
  },
})
