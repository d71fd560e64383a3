import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as v from 'valibot'
import { TensorferryError } from '../errors.ts'
import type { BackendConfig } from './platform.ts'

const CONFIG_FILE = 'tensorferry.config.json'

const configSchema = v.strictObject({
  $schema: v.optional(v.string()),
  backends: v.pipe(
    v.array(
      v.union([
        v.string(),
        v.strictTuple([v.string()]),
        v.strictTuple([v.string(), v.record(v.string(), v.unknown())]),
      ]),
    ),
    v.nonEmpty(),
  ),
  verify: v.optional(v.picklist(['off', 'smoke', 'full'])),
})

function parseConfig(text: string, path: string): BackendConfig {
  const fail = (reason: string): never => {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `${path}: ${reason}; expected such as { "backends": ["@tensorferry/backend-onnx-node"], "verify": "smoke" }`,
      { details: { path } },
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return fail(`not JSON (${(cause as Error).message})`)
  }
  const parsed = v.safeParse(configSchema, value)
  if (!parsed.success) {
    const issue = parsed.issues[0]
    return fail(
      `${v.getDotPath(issue) ?? 'the file'}: expected ${issue.expected ?? 'another value'}, got ${issue.received}`,
    )
  }
  const { backends, verify } = parsed.output
  return {
    backends: backends.map((entry) => (typeof entry === 'string' ? [entry] : entry)),
    ...(verify ? { verify } : {}),
    from: path,
    folder: dirname(path),
  }
}

/** The environment's choice, else the nearest `tensorferry.config.json` from the working folder upwards. */
export async function findBackendConfig(): Promise<BackendConfig | null> {
  const names = process.env.TENSORFERRY_BACKEND?.split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  if (names?.length) {
    return { backends: names.map((name) => [name]), from: 'TENSORFERRY_BACKEND', folder: process.cwd() }
  }
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const path = join(folder, CONFIG_FILE)
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw new TensorferryError('OPTIONS_INVALID', `${path} cannot be read: ${error.message}`, { cause: error })
    })
    if (text !== null) return parseConfig(text, path)
    if (dirname(folder) === folder) return null
  }
}

/**
 * Imports a backend package. Names are resolved from the app, never from inside core, which pnpm's layouts do not allow.
 *
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` naming the folders that were tried
 */
export async function importBackend(name: string, folder: string): Promise<unknown> {
  const script = process.argv[1]
  const folders = [...new Set([folder, ...(script ? [dirname(resolve(script))] : [])])]
  for (const from of folders) {
    let path: string
    try {
      path = createRequire(join(from, 'package.json')).resolve(name)
    } catch {
      continue
    }
    try {
      return await import(pathToFileURL(path).href)
    } catch (cause) {
      throw new TensorferryError(
        'BACKEND_UNAVAILABLE',
        `${name} is installed and fails to load: ${(cause as Error).message}`,
        {
          cause,
          details: { backend: name, path },
        },
      )
    }
  }
  throw new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    `backend ${JSON.stringify(name)} is not installed (looked from ${folders.join(' and ')}); run: npm install ${name}`,
    { details: { backend: name, folders } },
  )
}
