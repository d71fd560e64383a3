import * as v from 'valibot'
import { DTYPE_NAMES } from '../dtype.ts'
import { postprocessStepSchema, preprocessStepSchema } from '../pipeline/steps/index.ts'
import { checkManifest, invalid } from './check-manifest.ts'

/** The one schema this core reads; a later minor form may add fields, which are passed over. */
export const BUNDLE_SCHEMA = 'tensorferry.bundle/1'

const name = v.pipe(v.string(), v.nonEmpty())
const size = v.pipe(v.number(), v.integer(), v.minValue(0))
const dtype = v.picklist(DTYPE_NAMES)
/** A hash as manifests write it. */
export const sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const file = v.object({ path: name, size, sha256: sha256Schema })
const dimRange = v.object({
  min: size,
  max: v.nullable(size),
  multiple_of: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  batch: v.exactOptional(v.literal(true)),
})
const tensorSpec = v.object({
  name,
  dtype,
  shape: v.array(v.nullable(v.union([size, v.string()]))),
  kind: v.exactOptional(v.picklist(['tensor', 'int', 'float', 'bool', 'str'])),
  doc: v.exactOptional(v.string()),
})
const requires = v.record(v.string(), v.union([v.string(), v.number()]))
const route = v.exactOptional(v.string())
const verified = v.exactOptional(v.object({ runtime: v.string(), cases: size, max_abs: v.number() }))
/** One entry of `artifacts`. */
export const artifactSchema = v.object({
  name,
  format: v.picklist(['onnx', 'torchscript', 'aot-inductor']),
  precision: name,
  files: v.pipe(v.array(file), v.nonEmpty()),
  requires,
  route,
  verified,
})
/** A torch.export program that no backend reads: `python -m tensorferry aoti` compiles it where it will run. */
const program = v.object({
  precision: name,
  files: v.pipe(v.array(file), v.nonEmpty()),
  // The listed TorchScript file that holds its weights.
  weights: v.exactOptional(name),
  requires,
  route,
  verified,
})
const tolerance = v.object({ atol: v.pipe(v.number(), v.minValue(0)), rtol: v.pipe(v.number(), v.minValue(0)) })
const goldenCase = v.object({
  name,
  // A recurrent case: keys `CASE/STEP/inputs.NAME`, STEP from 0.
  steps: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  raw: v.exactOptional(file),
  // By the names of the raw inputs, where there are several, or tensors beside them.
  raws: v.exactOptional(v.record(v.string(), file)),
  stages: v.exactOptional(v.array(v.picklist(['decoded', 'inputs', 'outputs', 'result']))),
})

/** The manifest's shape; what its parts say of each other is checked by `checkManifest`. */
export const manifestSchema = v.object({
  schema: v.literal(BUNDLE_SCHEMA),
  name,
  version: name,
  license: v.exactOptional(v.nullable(v.string())),
  task: v.exactOptional(v.nullable(v.string())),
  dims: v.record(v.string(), dimRange),
  inputs: v.array(tensorSpec),
  outputs: v.array(tensorSpec),
  states: v.array(v.object({ input: name, output: name, init: v.literal('zeros') })),
  artifacts: v.pipe(v.array(artifactSchema), v.nonEmpty()),
  program: v.exactOptional(program),
  preprocess: v.array(
    v.object({ raw: name, steps: v.array(preprocessStepSchema), to: v.pipe(v.array(name), v.nonEmpty()) }),
  ),
  postprocess: v.array(
    v.object({ from: v.pipe(v.array(name), v.nonEmpty()), steps: v.array(postprocessStepSchema), to: name }),
  ),
  labels: v.nullable(v.array(v.string())),
  goldens: v.nullable(
    v.object({ file, tolerance: v.record(v.string(), tolerance), cases: v.pipe(v.array(goldenCase), v.nonEmpty()) }),
  ),
  producer: v.exactOptional(v.record(v.string(), v.string())),
})

/** A parsed `bundle.json`. */
export type Manifest = v.InferOutput<typeof manifestSchema>
/** One entry of `artifacts`. */
export type ManifestArtifact = Manifest['artifacts'][number]
/** A file the manifest vouches for. */
export type ManifestFile = v.InferOutput<typeof file>
/** One entry of `goldens.cases`. */
export type GoldenCase = v.InferOutput<typeof goldenCase>
/** `|a - b| <= atol + rtol * |b|`. */
export type Tolerance = v.InferOutput<typeof tolerance>

/** Names are written into files, logs and terminals, where these would begin something else. */
const UNFIT = /[\p{Cc}\u2028\u2029]|^__proto__$|.{4097}/u

/** Looks at every key and value, whatever the schema says of it. */
function requireFit(key: string, value: unknown): unknown {
  if ([key, value].some((one) => (typeof one === 'string' ? UNFIT.test(one) : Math.abs(one as number) === 1 / 0))) {
    const place = JSON.stringify(key.slice(0, 80))
    throw invalid(place, 'expected finite numbers and texts of at most 4096 characters without control characters')
  }
  return value
}

/**
 * Parses JSON by a schema.
 *
 * @throws TensorferryError `BUNDLE_INVALID` naming the field, what was expected and what came
 */
export function parseJson<S extends v.GenericSchema>(
  text: string,
  schema: S,
  where: string,
  check: (value: unknown) => void,
): v.InferOutput<S> {
  let value: unknown
  try {
    value = JSON.parse(text, requireFit)
  } catch (cause) {
    // Many servers answer so, with status 200, where a file is missing.
    if (/^\s*</.test(text)) throw invalid(where, 'an HTML page, not JSON; check the address')
    throw invalid(where, (cause as Error).message)
  }
  check(value)
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  const issue = parsed.issues[0]
  const path = v.getDotPath(issue)
  const isMissing = issue.received === 'undefined'
  const reason = isMissing ? 'is missing' : `expected ${issue.expected ?? 'another value'}, got ${issue.received}`
  throw invalid(where, `${path ? `${path}: ` : ''}${reason}`)
}

function requireKnownSchema(value: unknown, where: string): void {
  const schema = (value as { schema?: unknown } | null)?.schema
  if (schema === BUNDLE_SCHEMA) return
  const advice = String(schema).startsWith('tensorferry.bundle/')
    ? 'update @tensorferry/core'
    : "this is not a bundle's manifest"
  throw invalid(where, `expected "schema": "${BUNDLE_SCHEMA}", got ${schema ?? 'none'}; ${advice}`)
}

/**
 * Parses and checks `bundle.json`.
 *
 * @param text - the file's text
 * @param where - its place, for messages
 * @throws TensorferryError `BUNDLE_INVALID` naming the field, what was expected and what came
 */
export function parseManifest(text: string, where = 'bundle.json'): Manifest {
  const manifest = parseJson(text, manifestSchema, where, (value) => requireKnownSchema(value, where))
  checkManifest(manifest, where)
  return manifest
}
