import { readFile } from 'node:fs/promises'
import { basename, extname, relative, resolve } from 'node:path'
import { detectFormat, TensorferryError } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { openOnDisk } from '../../bundle/read.ts'
import { writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { openWithBackend } from '../inspect/model-file.ts'
import { type Described, GENERATED, subjectOf, typeName, writeDeclaration } from './declaration.ts'

/** Options of `tensorferry types`. */
export interface TypesOptions extends CommonOptions {
  readonly out: string
  readonly name?: string
  readonly check?: boolean
  readonly force?: boolean
}

async function describe(source: string, signal: AbortSignal): Promise<{ name: string; described: Described }> {
  const opened = await openOnDisk(source)
  if (opened.kind === 'bundle') {
    const { name, version, dims, inputs, outputs, task, postprocess, labels } = opened.manifest
    const hasPostprocess = postprocess.length > 0
    const title = `the bundle ${name} ${version}`
    return { name, described: { title, dims, inputs, outputs, task: task ?? null, hasPostprocess, labels } }
  }
  const format = await detectFormat((await openLocalFile(opened.path)).source)
  const { signature, unopened } = await openWithBackend(opened.path, format, signal)
  if (!signature) {
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `${source}: the inputs of a bare model are known when a backend opens it: ${unopened}`,
    )
  }
  const file = basename(opened.path)
  const title = `the model ${file}, as ${signature.backend} describes it`
  const described = { ...signature, title, dims: {}, task: null, hasPostprocess: false, labels: null }
  return { name: basename(file, extname(file)), described }
}

/** Writes the TypeScript types of a bundle. */
export async function types(
  source: string,
  { out, name: wanted, check, force, json }: TypesOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  if (wanted !== undefined && !/^[A-Za-z_$][\w$]*$/.test(wanted)) {
    throw new TensorferryError('OPTIONS_INVALID', `--name: expected the name of a type, got ${JSON.stringify(wanted)}`)
  }
  const { name, described } = await describe(source, signal)
  const type = wanted ?? typeName(name)
  const text = writeDeclaration(type, described)
  if (out === '-') {
    terminal.print(json ? toJson({ type, text }) : text.trimEnd())
    return EXIT_CODES.DONE
  }
  const path = resolve(out)
  const before = await readFile(path, 'utf8').catch(() => null)
  const isCurrent = before === text
  if (check) {
    if (json) terminal.print(toJson({ type, path, upToDate: isCurrent }))
    else if (isCurrent) terminal.print(`${out} is up to date`)
    else
      terminal.note(
        `${out} is ${before === null ? 'missing' : 'not up to date'}; run: tensorferry types ${source} --out ${out}`,
      )
    return isCurrent ? EXIT_CODES.DONE : EXIT_CODES.CHECK_FAILED
  }
  if (before !== null && !before.startsWith(GENERATED) && !force) {
    throw new TensorferryError('OPTIONS_INVALID', `${path} was not written by this command; --force overwrites it`)
  }
  const other = before === null ? null : subjectOf(before)
  if (other !== null && other !== subjectOf(text) && !force) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `${path} holds the types of the ${other}; write these to a file of their own, such as --out ${name}.d.ts, or --force overwrites it`,
      { details: { path, other } },
    )
  }
  if (!isCurrent) await writeWhole(path, text)
  if (json) terminal.print(toJson({ type, path, written: !isCurrent, text }))
  else
    terminal.print(
      `${isCurrent ? 'kept' : 'wrote'} ${relative(process.cwd(), path)} with ${terminal.colors.bold(type)}`,
    )
  return EXIT_CODES.DONE
}
