// The public names of every package, so that a change of them is seen in review. After a wanted change: vitest -u.
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { publishedPackages, ROOT, runToEnd } from './workspace.ts'

const entries = publishedPackages().flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === 'string' || !target.types
      ? []
      : [
          {
            specifier: manifest.name + path.slice(1),
            types: join(folder, target.types),
            file: join(folder, target.default!),
          },
        ],
  ),
)

const KINDS: readonly (readonly [ts.SymbolFlags, string])[] = [
  [ts.SymbolFlags.Class, 'class'],
  [ts.SymbolFlags.Function, 'function'],
  [ts.SymbolFlags.Variable, 'const'],
  [ts.SymbolFlags.Interface, 'interface'],
  [ts.SymbolFlags.TypeAlias, 'type'],
]

interface Exported {
  readonly name: string
  readonly kind: string
  readonly isValue: boolean
}

function exportsOf(declarations: string): readonly Exported[] {
  const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [], skipLibCheck: true }
  const program = ts.createProgram([declarations], options)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(declarations)
  const symbol = source && checker.getSymbolAtLocation(source)
  if (!symbol) throw new Error(`${declarations} is not there: run pnpm run build`)
  return checker.getExportsOfModule(symbol).map((exported) => {
    const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const kind = KINDS.find(([flag]) => target.flags & flag)?.[1] ?? 'unknown'
    return { name: exported.name, kind, isValue: (target.flags & ts.SymbolFlags.Value) !== 0 }
  })
}

describe.each(entries)('$specifier', ({ specifier, types, file }) => {
  const declared = exportsOf(types)

  test('exports what is written down', async () => {
    const lines = declared.map(({ kind, name }) => `${kind} ${name}`).sort()
    expect(lines.filter((line) => line.startsWith('unknown'))).toEqual([])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(
      `exports/${specifier.replace('@', '').replaceAll('/', '-')}.txt`,
    )
  })

  test('Node gives every value that the types declare, and no other', async () => {
    const program = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(`file://${file}`)}))))`
    const names = JSON.parse(await runToEnd(ROOT, process.execPath, ['--input-type=module', '-e', program]))
    const values = declared.filter(({ isValue }) => isValue).map(({ name }) => name)
    expect([...names].sort()).toEqual(values.sort())
  })
})
