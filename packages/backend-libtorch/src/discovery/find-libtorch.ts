import { TensorferryError } from '@tensorferry/core'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { type Candidate, candidates } from './places.ts'
import { readRoot } from './read-root.ts'
import { compareVersions } from './version.ts'

/** A place that was looked at, and what was there. */
export interface Place {
  readonly from: FoundLibtorch['from']
  /** The path, variable or program that was asked. */
  readonly asked: string
  readonly found: FoundLibtorch | null
  /** Why it is not used; null: it is. */
  readonly reason: string | null
}

/** What {@link findLibtorch} takes. */
export interface FindOptions {
  /** The `libtorch` option: a torch root, its `lib`, or a virtual environment. */
  readonly libtorch?: string | null | undefined
  /** Oldest version that will do, such as `1.13`. */
  readonly oldest: string
  /** Default: the process's. */
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** The outcome of a search, as data. */
export interface Search {
  readonly found: FoundLibtorch | null
  readonly places: readonly Place[]
}

function lookAt({ from, asked, roots, reason }: Candidate, oldest: string): Place {
  let why = reason ?? 'nothing there'
  for (const root of roots) {
    const read = readRoot(root, from)
    if (typeof read === 'string') {
      if (why === 'nothing there' || why === 'no such folder') why = read
      continue
    }
    const tooOld = compareVersions(read.version, oldest) < 0
    return { from, asked, found: read, reason: tooOld ? `libtorch ${read.version} is older than ${oldest}` : null }
  }
  return { from, asked, found: null, reason: why }
}

/**
 * Looks for a libtorch: the option, `LIBTORCH`, the active virtual environment, `python3`, the system. Files are read as
 * text; nothing is opened as a library. A place that somebody named ends the search, whether it works or not.
 */
export async function searchLibtorch({ libtorch = null, oldest, env = process.env }: FindOptions): Promise<Search> {
  const places: Place[] = []
  for await (const candidate of candidates(libtorch, env)) {
    const place = lookAt(candidate, oldest)
    places.push(place)
    if (place.found && place.reason === null) return { found: place.found, places }
    if (candidate.named) break
  }
  return { found: null, places }
}

/** One line for each place. */
export function formatPlaces(places: readonly Place[]): string {
  return places
    .map(({ from, asked, found, reason }) => `  ${from}: ${asked}: ${reason ?? `libtorch ${found?.version}`}`)
    .join('\n')
}

/**
 * {@link searchLibtorch}, with an error in place of nothing.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` with every place looked at and the command that helps
 */
export async function findLibtorch(options: FindOptions): Promise<FoundLibtorch> {
  const { found, places } = await searchLibtorch(options)
  if (found) return found
  const hint = 'install one with pip install torch (in the active virtual environment), or set LIBTORCH to its folder'
  throw new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `no libtorch from version ${options.oldest} on was found; ${hint}. Looked at:\n${formatPlaces(places)}`,
    { details: { wanted: `>=${options.oldest}`, places, hint } },
  )
}
