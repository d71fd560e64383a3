import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DTYPES } from '../src/dtype.ts'
import type { Tensor } from '../src/tensor.ts'
import { referenceFixtures } from '../src/testing/index.ts'

const SAFETENSORS_NAME = { float32: 'F32', float64: 'F64', int64: 'I64', uint8: 'U8', bool: 'BOOL', int32: 'I32' }

/** Bytes of a safetensors file, for goldens that a test makes up. */
export function writeSafetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {}
  const parts: Uint8Array[] = []
  let at = 0
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    if (!(dtype in SAFETENSORS_NAME) || DTYPES[dtype].array === null) throw new Error(`not written here: ${dtype}`)
    const { buffer, byteOffset, byteLength } = data as Uint8Array
    header[name] = { dtype: SAFETENSORS_NAME[dtype as 'float32'], shape, data_offsets: [at, at + byteLength] }
    parts.push(new Uint8Array(buffer, byteOffset, byteLength))
    at += byteLength
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true)
  return new Uint8Array(Buffer.concat([length, json, ...parts]))
}

/** Size and hash of a file as a manifest lists them. */
export function listed(path: string, content: Uint8Array): { path: string; size: number; sha256: string } {
  return { path, size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

/** The files of a real bundle around a conformance fixture, as a map; `change` may spoil the manifest. */
export async function makeBundle(
  fixtureName = 'general',
  // biome-ignore lint/suspicious/noExplicitAny: a manifest on its way to being wrong
  change: (manifest: any) => void = () => undefined,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const fixture = await referenceFixtures.find(({ name }) => name === fixtureName)!.load()
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const file of fixture.artifact.files) files.set(file.path, await file.bytes())
  const tensors: Record<string, Tensor> = {}
  for (const { name, inputs, outputs } of fixture.goldens) {
    for (const [input, value] of Object.entries(inputs)) tensors[`${name}/inputs.${input}`] = value
    for (const [output, value] of Object.entries(outputs)) tensors[`${name}/outputs.${output}`] = value
  }
  files.set('goldens.safetensors', writeSafetensors(tensors))
  const { dims, inputs, outputs, states } = structuredClone(fixture.signature)
  const manifest = {
    schema: 'tensorferry.bundle/1',
    name: fixtureName,
    version: '1.0.0',
    license: 'MIT',
    task: null,
    dims,
    inputs,
    outputs,
    states,
    artifacts: [
      {
        name: 'onnx',
        format: 'onnx',
        precision: 'float32',
        files: fixture.artifact.files.map(({ path }) => listed(path, files.get(path)!)),
        requires: { opset: 18 },
      },
    ],
    preprocess: [],
    postprocess: [],
    labels: null,
    goldens: {
      file: listed('goldens.safetensors', files.get('goldens.safetensors')!),
      tolerance: { float32: { atol: 1e-5, rtol: 1e-4 } },
      cases: fixture.goldens.map(({ name }) => ({ name })),
    },
  }
  change(manifest)
  files.set('bundle.json', new TextEncoder().encode(JSON.stringify(manifest)))
  return files
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files into a folder that is gone after the test. */
export async function writeFiles(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}
