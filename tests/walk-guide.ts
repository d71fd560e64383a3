// A guide as a stranger follows it: its files are written and its commands are run, in the guide's order.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CodeBlock, codeBlocks } from './code-blocks.ts'
import { type Finished, run } from './workspace.ts'

/** What a guide has its reader do. */
export type Step =
  | { readonly kind: 'file'; readonly path: string; readonly text: string; readonly line: number }
  | { readonly kind: 'command'; readonly command: string; readonly line: number }

/** The file that the paragraph before a block names last, as "Save this as `train.py`:" does. */
function namedFile({ before }: CodeBlock): string | null {
  const paragraph = before.trimEnd().split('\n\n').at(-1)!
  return /^(?:Save this|and this) as `([\w.-]+)`[^`]*:$/.exec(paragraph.split('. ').at(-1)!)?.[1] ?? null
}

/** Files and commands of a guide's code blocks, in order. */
export function stepsOf(document: string): readonly Step[] {
  return codeBlocks(document).flatMap((block): readonly Step[] => {
    const { language, code, line } = block
    if (language === 'sh') {
      const commands = code.split('\n').map((text) => text.replace(/\s+# .*/, '').trim())
      return commands.filter(Boolean).map((command) => ({ kind: 'command', command, line }))
    }
    const path = namedFile(block)
    return path === null ? [] : [{ kind: 'file', path, text: code, line }]
  })
}

/**
 * Takes one step in a folder; a command runs in the reader's shell and has to end well.
 *
 * @returns what a command printed; null for a file
 */
export async function take(step: Step, folder: string, environment: NodeJS.ProcessEnv): Promise<Finished | null> {
  if (step.kind === 'file') {
    await writeFile(join(folder, step.path), step.text)
    return null
  }
  const ended = await run(folder, 'sh', ['-c', step.command], environment)
  if (ended.code !== 0) throw new Error(`${step.command} ended with ${ended.code}\n${ended.stdout}${ended.stderr}`)
  return ended
}
