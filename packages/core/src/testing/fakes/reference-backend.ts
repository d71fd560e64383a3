import type { Artifact, Backend, LoadOptions, SessionSource } from '../../backend.ts'
import { throwIfAborted, withCallOptions } from '../../call.ts'
import { TensorferryError } from '../../errors.ts'
import type { BackendFeatures } from '../features.ts'
import type { ConformanceFixture, LoadedFixture } from '../fixture.ts'
import { onnxFixtures } from '../fixtures/onnx/index.ts'
import { accumulatorFixture } from './accumulator-fixture.ts'
import { referenceModels } from './reference-models.ts'
import { referenceSession } from './reference-session.ts'

/** The fixtures that the reference backend knows by heart: those of ONNX, and one that remembers. */
export const referenceFixtures: readonly ConformanceFixture[] = [...onnxFixtures, accumulatorFixture]

/** bfloat16 is left out on purpose: so the rule about missing dtypes applies. */
export const referenceFeatures: BackendFeatures = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'],
}

function describeFile(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty'
  const head = new TextDecoder().decode(bytes.subarray(0, 100))
  if (/^\s*<(!doctype html|html)/i.test(head)) return 'it is an HTML page'
  if (head.startsWith('version https://git-lfs')) return 'it is a Git LFS pointer: run git lfs pull'
  return 'its content is not known'
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

const modelBytes = new Map<ConformanceFixture, Uint8Array>()

/** Looked up for every session: decoded once. */
async function bytesOf(fixture: ConformanceFixture): Promise<Uint8Array> {
  const known = modelBytes.get(fixture)
  if (known) return known
  const bytes = await (await fixture.load()).artifact.files[0].bytes()
  modelBytes.set(fixture, bytes)
  return bytes
}

async function recognize(artifact: Artifact): Promise<[ConformanceFixture, LoadedFixture]> {
  const [file, ...others] = artifact.files
  const bytes = await file.bytes()
  for (const fixture of referenceFixtures) {
    if (!sameBytes(bytes, await bytesOf(fixture))) continue
    const loaded = await fixture.load()
    const [, ...siblings] = loaded.artifact.files
    const missing = siblings.find(({ path }) => !others.some((other) => other.path === path))
    if (missing) {
      throw new TensorferryError('NOT_FOUND', `${file.path} needs ${missing.path}, which is not listed in its artifact`)
    }
    return [fixture, loaded]
  }
  throw new TensorferryError('FORMAT_UNSUPPORTED', `${file.path}: expected a fixture's model; ${describeFile(bytes)}`)
}

/**
 * A correct backend in plain TypeScript: it knows the fixtures' models by their bytes and computes what they do.
 * It shows that the rules can be kept, and is the ground of the backends that break one each.
 */
export function referenceBackend(): Backend {
  const load = async ({ artifact, signature }: SessionSource, options?: LoadOptions) => {
    if (!artifact) throw new TensorferryError('NOT_FOUND', 'reference backend: expected an artifact, got none')
    if (artifact.format !== 'onnx') {
      throw new TensorferryError('FORMAT_UNSUPPORTED', `reference backend: expected onnx, got ${artifact.format}`)
    }
    const [fixture, known] = await recognize(artifact)
    options?.onProgress?.({ phase: 'load', loaded: 1, total: 1 })
    const model = referenceModels[fixture.name]
    if (!model) {
      throw new TensorferryError('BACKEND_INCOMPATIBLE', `reference backend: ${fixture.name} has a dtype that it lacks`)
    }
    const names = known.signature.inputs.map(({ name }) => name)
    const unknown = signature?.inputs.find(({ name }) => !names.includes(name))
    if (unknown) {
      throw new TensorferryError('BUNDLE_INVALID', `the model takes ${names.join(', ')}, its signature ${unknown.name}`)
    }
    // After the file was read: an abort in the meantime has been answered by withCallOptions.
    throwIfAborted(options)
    return referenceSession(signature ?? known.signature, model, {
      slow: fixture.traits.includes('slow'),
      remembers: fixture.traits.includes('inner-state'),
    })
  }
  return {
    apiVersion: 1,
    name: 'reference',
    formats: ['onnx'],
    probe: (options) => withCallOptions(options, async () => ({ available: true })),
    createSession: async (source, options) => withCallOptions(options, () => load(source, options)),
  }
}
