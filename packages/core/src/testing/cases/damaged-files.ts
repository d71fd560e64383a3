import type { Artifact, ModelFormat } from '../../backend.ts'
import type { ErrorCode } from '../../errors.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { bytesFromBase64 } from '../embedded.ts'
import { rejectsWith } from '../outcome.ts'
import { requireGoldens, withSession } from '../session-use.ts'

interface DamagedFile {
  /** The file in place of the model. */
  content(model: Uint8Array<ArrayBuffer>, format: ModelFormat): Promise<Uint8Array<ArrayBuffer>>
  /** What a reader of the message must learn. */
  readonly mentions?: RegExp
}

const text = (content: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(content))

/** A safetensors file of one float32 in the layout of the format's README: header length, header, data. */
function safetensors(): Uint8Array<ArrayBuffer> {
  const header = text('{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}')
  const file = new Uint8Array(8 + header.length + 4)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  return file
}

/** A sound model that this backend was not asked for. */
async function otherFormat(format: ModelFormat): Promise<Uint8Array<ArrayBuffer>> {
  if (format === 'onnx') return bytesFromBase64((await import('../fixtures/foreign-files.ts')).torchscriptArchive)
  return bytesFromBase64((await import('../fixtures/onnx/aliases.ts')).embedded.files[0].base64)
}

const LFS_POINTER = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 46827520
`

/** What is found in the place of a model in practice. */
const DAMAGED_FILES: Readonly<Record<string, DamagedFile>> = {
  'an empty file': { content: async () => new Uint8Array(0), mentions: /empty|\b0 bytes/i },
  'a truncated file': { content: async (model) => model.slice(0, Math.floor(model.length * 0.6)) },
  'a corrupt file': {
    content: async (model) => {
      const third = Math.floor(model.length / 3)
      return model.slice().fill(0xff, third, 2 * third)
    },
  },
  'a file of random bytes': {
    content: async () => {
      // Any fixed sequence will do; the multiplier is Knuth's.
      let state = 1
      return Uint8Array.from({ length: 4096 }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return state >>> 24
      })
    },
  },
  'an HTML page': {
    content: async () => text('<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n'),
    mentions: /html/i,
  },
  'a Git LFS pointer': { content: async () => text(LFS_POINTER), mentions: /lfs/i },
  'a JSON file': { content: async () => text('{"error": "no such model"}') },
  'a PyTorch state dict': {
    content: async () => bytesFromBase64((await import('../fixtures/foreign-files.ts')).stateDict),
  },
  'a training checkpoint': {
    content: async () => bytesFromBase64((await import('../fixtures/torchscript/foreign-files.ts')).checkpoint),
  },
  'a torch.export program': {
    content: async () => bytesFromBase64((await import('../fixtures/torchscript/foreign-files.ts')).exportedProgram),
  },
  'a safetensors file': { content: async () => safetensors() },
  'a model of another format': { content: (_, format) => otherFormat(format) },
}

const CODES: readonly ErrorCode[] = ['FORMAT_UNSUPPORTED', 'INTEGRITY_FAILED']

/** Each is refused with a typed error that says what was found, and the process and the backend live on. */
export const damagedFileCases: readonly ConformanceCase[] = Object.entries(DAMAGED_FILES).map(
  ([kind, { content, mentions }]) =>
    conformanceCase(`refuses ${kind}`, ['general', 'readsFiles'], async (context, fixture) => {
      const { artifact, signature } = fixture
      const [model] = artifact.files
      const bytes = await content(await model.bytes(), artifact.format)
      const file = { path: model.path, size: bytes.length, sha256: null, bytes: async () => bytes.slice() }
      const damaged: Artifact = { ...artifact, files: [file] }
      for (const source of [{ artifact: damaged, signature }, { artifact: damaged }]) {
        const error = await rejectsWith(CODES, () => context.backend.createSession(source), kind)
        if (mentions && !mentions.test(error.message)) {
          throw new ConformanceError(`the message about ${kind}`, `a text like ${mentions}`, error.message)
        }
      }
      await withSession(context, fixture, (session) => requireGoldens(session, fixture, `after ${kind}`))
    }),
)
