import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CompilerOptions } from 'typescript'
import { run } from './workspace.ts'

const TSC = fileURLToPath(new URL('./lib/tsc.js', import.meta.resolve('typescript/package.json')))

/**
 * Type-checks files of a folder as a careful user's project would.
 *
 * @returns what tsc says; empty when all is well
 */
export async function typeCheck(
  folder: string,
  files: readonly string[],
  options: { readonly [K in keyof CompilerOptions]?: unknown } = {},
): Promise<string> {
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    ...options,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  return (await run(folder, process.execPath, [TSC, '-p', 'tsconfig.json'])).stdout
}
