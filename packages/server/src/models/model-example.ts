import { createHash } from 'node:crypto'
import { join } from 'node:path'
import {
  type Dim,
  type GoldenCase,
  type Manifest,
  type ManifestFile,
  makeTensor,
  readSafetensors,
  type Signature,
  type Tensor,
  type Tensors,
  zeros,
} from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import { textFromTensor } from '@tensorferry/inference-protocol/tensor-text'

/** Requests that a model answers, for people who try it. */
export interface ModelExample {
  /** JSON text of a body for `infer`; null: none is known, or it is too large to be looked at. */
  readonly infer: string | null
  /** Content of a picture for `predict`; null: the bundle has none. */
  readonly picture: Uint8Array | null
}

/** Where an example can be taken from. */
export interface ExampleSource {
  readonly manifest: Manifest | null
  readonly signature: Signature
  /** The bundle's folder; null: it is not on disk. */
  readonly folder: string | null
  /** Whether the model takes them: asked of what is made up. */
  accepts(inputs: Tensors): Promise<boolean>
}

/** More is no example to look at, and slows a page down. */
const MOST_TEXT = 48 * 1024
const MOST_PICTURE = 96 * 1024
const MOST_ELEMENTS = 8192

/** A file as the manifest has it; null: it is another by now, or cannot be read. */
async function readListed(folder: string, { path, sha256 }: ManifestFile): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = await readRegular(join(folder, path)).catch(() => null)
  if (!bytes || createHash('sha256').update(bytes).digest('hex') !== sha256) return null
  return new Uint8Array(bytes)
}

const elements = (tensors: Tensors): number => Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0)

/** Inputs of the smallest golden. */
async function goldenInputs(folder: string, { goldens }: Manifest): Promise<Tensors | null> {
  const file = goldens && (await readListed(folder, goldens.file))
  if (!goldens || !file) return null
  const tensors = readSafetensors(file)
  const inputsOf = ({ name }: GoldenCase): Tensors => {
    const start = `${name}/inputs.`
    const own = [...tensors].filter(([key]) => key.startsWith(start))
    return Object.fromEntries(own.map(([key, value]) => [key.slice(start.length), value]))
  }
  const candidates = goldens.cases
    .filter(({ steps }) => steps === undefined)
    .map(inputsOf)
    .filter((inputs) => Object.keys(inputs).length > 0)
    .sort((one, other) => elements(one) - elements(other))
  return candidates[0] ?? null
}

async function smallestPicture(folder: string, { goldens }: Manifest): Promise<Uint8Array | null> {
  const files = (goldens?.cases ?? []).flatMap(({ raw }) => raw ?? []).filter(({ size }) => size <= MOST_PICTURE)
  const [smallest] = files.sort((one, other) => one.size - other.size)
  return smallest ? readListed(folder, smallest) : null
}

/** Zeros in the smallest sizes that the dims have. */
function madeUp({ inputs, dims }: Signature): Tensors | null {
  const made: Record<string, Tensor> = {}
  for (const { name, dtype, shape } of inputs) {
    if (dtype === null || shape === null) return null
    const sizes = shape.map((dim: Dim) => (typeof dim === 'number' ? dim : Math.max(1, dims[dim ?? '']?.min ?? 1)))
    if (sizes.reduce((product, size) => product * size, 1) > MOST_ELEMENTS) return null
    made[name] =
      dtype === 'string'
        ? makeTensor('string', Object.freeze(new Array<string>(sizes.reduce((a, b) => a * b, 1)).fill('')), sizes)
        : zeros(dtype, sizes)
  }
  return made
}

function inferText(inputs: Tensors): string | null {
  if (elements(inputs) > MOST_ELEMENTS) return null
  const texts = Object.entries(inputs).map(([name, tensor]) => {
    const data = Buffer.from(textFromTensor(tensor)).toString()
    const head = `"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.dtype)}"`
    return `{${head},"shape":[${tensor.shape.join(',')}],"data":[${data}]}`
  })
  const text = `{"inputs":[${texts.join(',')}]}`
  return text.length <= MOST_TEXT ? text : null
}

/** Finds requests that the model answers: those of its goldens, else zeros, once the model has taken them. */
export async function findExample({ manifest, signature, folder, accepts }: ExampleSource): Promise<ModelExample> {
  const isOnDisk = manifest !== null && folder !== null
  const golden = isOnDisk ? await goldenInputs(folder, manifest) : null
  const picture = isOnDisk ? await smallestPicture(folder, manifest) : null
  if (golden) return { infer: inferText(golden), picture }
  const zero = madeUp(signature)
  return { infer: zero && (await accepts(zero)) ? inferText(zero) : null, picture }
}
