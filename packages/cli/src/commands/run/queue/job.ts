import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { RunInput } from '../inputs.ts'

/** One file in the queue. Plain data: workers on other machines read it. */
export interface FileJob {
  /** As it is shown. */
  readonly name: string
  /** Absolute path, or a URL. */
  readonly input: string
  /** Of the results. */
  readonly folder: string
  /** Names of the results begin with it. */
  readonly stem: string
}

/** What a worker says of a file that is done. */
export interface FileDone {
  /** Results by name, with their sizes in bytes. */
  readonly files: Readonly<Record<string, number>>
  readonly milliseconds: number
  /** Host and process. */
  readonly worker: string
}

/** How often a file is tried when the reason is not the file itself. */
export const ATTEMPTS = 3
/** How often workers may die over one file before it counts as failed. */
export const DEATHS = 3
/** Milliseconds after which a worker that says nothing counts as dead, and its files go to others. */
export const LOCK_MS = 10_000

/** Whether an argument is a URL in place of a path. */
export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text)

/** An input that workers fetch. */
export function urlInput(url: string): RunInput {
  const path = decodeURIComponent(new URL(url).pathname)
  return { name: url, path: url, label: basename(path) || 'index' }
}

/**
 * The same for the same work: what is in the queue already is not added again. It changes with the file, so that a changed
 * one is work anew.
 */
export async function jobId({ input, folder, stem }: FileJob): Promise<string> {
  const found = isUrl(input) ? null : await stat(input).catch(() => null)
  const what = JSON.stringify([input, folder, stem, found?.size, found?.mtimeMs])
  return createHash('sha256').update(what).digest('hex').slice(0, 32)
}
