import { isDimName, parseDim } from '../dims.ts'
import { TensorferryError } from '../errors.ts'
import type { Dim } from '../signature.ts'
import type { Manifest } from './manifest.ts'
import { requireSafePath } from './path.ts'

/** The error for a manifest that cannot be used. */
export function invalid(where: string, reason: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `${where}: ${reason}`, { details: { manifest: where } })
}

/**
 * Checks what a manifest's parts say of each other: unique names, bound dims, states, pipeline ends, safe paths.
 *
 * @throws TensorferryError `BUNDLE_INVALID` at the first contradiction
 */
export function checkManifest(manifest: Manifest, where: string): void {
  const fail = (reason: string): never => {
    throw invalid(where, reason)
  }
  const requireUnique = (names: readonly string[], of: string): void => {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) fail(`${of}: ${JSON.stringify(twice)} stands twice`)
  }
  const requireOneOf = (name: string, names: readonly string[], of: string): void => {
    if (!names.includes(name)) fail(`${of}: ${JSON.stringify(name)} is none of ${names.join(', ') || 'none'}`)
  }

  const namesOf = (parts: readonly { readonly name: string }[]): string[] => parts.map(({ name }) => name)
  const inputs = namesOf(manifest.inputs)
  const outputs = namesOf(manifest.outputs)
  requireUnique(inputs, 'inputs')
  requireUnique(outputs, 'outputs')
  requireUnique(namesOf(manifest.artifacts), 'artifacts')

  const bound = new Set(
    manifest.inputs.flatMap((spec) =>
      spec.shape.filter((dim) => typeof dim === 'string' && isDimName(dim)),
    ) as string[],
  )
  const requireBound = (dims: readonly Dim[], of: string): void => {
    for (const dim of dims) {
      if (typeof dim !== 'string') continue
      const loose = parseDim(dim).names.find((name) => !bound.has(name))
      if (loose !== undefined) fail(`${of}: dim ${JSON.stringify(dim)} uses ${loose}, which no input binds`)
    }
  }
  for (const spec of [...manifest.inputs, ...manifest.outputs]) requireBound(spec.shape, spec.name)
  for (const [name, { min, max }] of Object.entries(manifest.dims)) {
    if (!bound.has(name)) fail(`dims.${name}: no input has this dim`)
    if (max !== null && max < min) fail(`dims.${name}: max ${max} is below min ${min}`)
  }

  for (const state of manifest.states) {
    requireOneOf(state.input, inputs, 'states')
    requireOneOf(state.output, outputs, 'states')
    const from = manifest.outputs.find((spec) => spec.name === state.output)
    const to = manifest.inputs.find((spec) => spec.name === state.input)
    if (from?.dtype !== to?.dtype) fail(`states: ${state.output} is ${from?.dtype}, ${state.input} is ${to?.dtype}`)
  }
  requireUnique(
    manifest.states.flatMap((state) => [`input ${state.input}`, `output ${state.output}`]),
    'states',
  )

  for (const { to } of manifest.preprocess) for (const name of to) requireOneOf(name, inputs, 'preprocess.to')
  requireUnique(
    manifest.preprocess.flatMap(({ to }) => to),
    'preprocess.to',
  )
  requireUnique(
    manifest.preprocess.map(({ raw }) => raw),
    'preprocess.raw',
  )
  for (const { from } of manifest.postprocess) for (const name of from) requireOneOf(name, outputs, 'postprocess.from')
  requireUnique(
    manifest.postprocess.map(({ to }) => to),
    'postprocess.to',
  )

  for (const artifact of manifest.artifacts) {
    for (const { path } of artifact.files) requireSafePath(path, `${where}: artifacts.${artifact.name}`)
    requireUnique(
      artifact.files.map(({ path }) => path),
      `artifacts.${artifact.name}.files`,
    )
  }
  if (manifest.program) {
    for (const { path } of manifest.program.files) requireSafePath(path, `${where}: program`)
    const listed = manifest.artifacts.flatMap(({ files }) => files.map(({ path }) => path))
    if (manifest.program.weights !== undefined) requireOneOf(manifest.program.weights, listed, 'program.weights')
  }
  if (manifest.goldens) {
    const { file, cases } = manifest.goldens
    requireSafePath(file.path, `${where}: goldens`)
    requireUnique(namesOf(cases), 'goldens.cases')
    for (const { name, raw, raws } of cases)
      for (const file of [raw, ...Object.values(raws ?? {})])
        if (file) requireSafePath(file.path, `${where}: goldens.cases.${name}`)
  }
}
