import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from './workspace.ts'

/** A fenced code block of a document. */
export interface CodeBlock {
  /** The document's path from the repository's folder. */
  readonly document: string
  /** Line of the fence, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** The document's text before it. */
  readonly before: string
  /** The file it stands for, where its first line names one: `// src/index.ts`. */
  readonly file: string | null
  /** A line `<!-- types only -->` stands directly before it: it needs something that the tests do not have. */
  readonly typesOnly: boolean
}

/** Documents whose code the tests check: the READMEs of the repository and of each package, and the guides. */
export function documents(): readonly string[] {
  const patterns = ['README.md', 'packages/*/README.md', 'docs/guides/*.md']
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter(Boolean)
}

/** The code blocks of a document, in order. */
export function codeBlocks(document: string): readonly CodeBlock[] {
  const text = readFileSync(join(ROOT, document), 'utf8')
  return Array.from(text.matchAll(/^(<!-- types only -->\n)?```(\S*)\n(.*?)^```$/gms), (match) => ({
    document,
    line: text.slice(0, match.index + (match[1] ?? '').length).split('\n').length,
    language: match[2]!,
    code: match[3]!,
    before: text.slice(0, match.index),
    file: /^\/\/ (\S+\.ts)\n/.exec(match[3]!)?.[1] ?? null,
    typesOnly: match[1] !== undefined,
  }))
}

/** Turns a TypeScript file into one JavaScript file that this Node runs; packages are imported as they are installed. */
export async function toJavaScript(from: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [from],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    tsconfigRaw: {},
    logLevel: 'silent',
  })
}
