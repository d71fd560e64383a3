import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { describeGiven } from '../describe-given.ts'
import { TensorferryError } from '../errors.ts'
import { unknownName } from '../names.ts'
import type { BackendConfig } from './platform.ts'
import { readRegular } from './regular-file.ts'

/** Name of the file that says which backends a project uses. */
export const CONFIG_FILE = 'tensorferry.config.json'

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

const CONFIG_KEYS = Object.keys(configSchema.entries)

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
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(`expected an object, got ${describeGiven(value)}`)
  }
  const unknown = Object.keys(value).find((key) => !CONFIG_KEYS.includes(key))
  if (unknown !== undefined) return fail(unknownName('key', unknown, CONFIG_KEYS))
  const parsed = v.safeParse(configSchema, value)
  if (!parsed.success) {
    const issue = parsed.issues[0]
    const place = v.getDotPath(issue) ?? ''
    if (issue.received === 'undefined') return fail(`${place} is missing`)
    const expected = place.startsWith('backends.')
      ? 'a package name, [name] or [name, { options }]'
      : (issue.expected ?? 'another value').replace('!0', 'at least one backend')
    return fail(`${place}: expected ${expected}, got ${issue.received === '0' ? 'an empty list' : issue.received}`)
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
    const text = await readRegular(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw new TensorferryError('OPTIONS_INVALID', `${path} cannot be read: ${error.message}`, { cause: error })
    })
    if (text !== null) return parseConfig(text.toString('utf8'), path)
    if (dirname(folder) === folder) return null
  }
}
