import type { ModelFormat } from '../backend.ts'
import { TensorferryError } from '../errors.ts'
import type { ByteSource } from './byte-source.ts'
import type { ProtobufField } from './protobuf.ts'
import { zipEntryNames } from './zip.ts'

/** What a user types in Python who has weights alone. */
const exportHint = (load: string): string => `build the module in Python and export that:
  model = MyModel()
  model.load_state_dict(${load})
  tensorferry.export_bundle(model, examples=[(x1,), (x2,)], out="bundle/", inputs=["x"], name="my-model")`

/** Files that people pass by mistake, known by their first bytes. */
const MISTAKEN: readonly {
  readonly what: string
  readonly hint: string
  test(head: Uint8Array, start: string): boolean
}[] = [
  {
    what: 'a Git-LFS pointer',
    hint: 'the model itself was not fetched: run git lfs pull, or download the file from its real address',
    test: (_, start) => start.startsWith('version https://git-lfs'),
  },
  {
    what: 'an HTML page',
    hint: 'it was saved from a server that answers with a web page, such as a login or an error; fetch the model itself',
    test: (_, start) => /^\s*<(!doctype html|html|head|body|!--)/i.test(start),
  },
  {
    what: 'an XML document',
    hint: 'the address may answer with an error message',
    test: (_, start) => /^\s*<\?xml/.test(start),
  },
  {
    what: 'JSON text',
    hint: 'pass the model file, or the folder for a bundle',
    test: (_, start) => /^\s*[{[]\s*["\]}{]/.test(start),
  },
  {
    what: 'a pickle written by an old torch.save (a state dict or a checkpoint)',
    hint: exportHint('torch.load("weights.pth")'),
    test: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
  },
  {
    what: 'a safetensors file, which holds weights and no model',
    hint: exportHint('safetensors.torch.load_file("weights.safetensors")'),
    test: (head) => head.length > 9 && head[8] === 0x7b && head[5] === 0 && head[6] === 0 && head[7] === 0,
  },
  {
    what: 'a TensorFlow Lite model',
    hint: 'export the PyTorch model with tensorferry.export_bundle in Python',
    test: (_, start) => start.slice(4, 8) === 'TFL3',
  },
  {
    what: 'an ORT-format model',
    hint: 'use the .onnx file it was made from',
    test: (_, start) => start.slice(4, 8) === 'ORTM',
  },
  {
    what: 'a GGUF file',
    hint: 'export the PyTorch model with tensorferry.export_bundle in Python',
    test: (_, start) => start.startsWith('GGUF'),
  },
  {
    what: 'an HDF5 (Keras) file',
    hint: 'export the PyTorch model with tensorferry.export_bundle in Python',
    test: (_, start) => start.slice(1, 4) === 'HDF',
  },
  { what: 'a gzip archive', hint: 'unpack it first', test: (head) => head[0] === 0x1f && head[1] === 0x8b },
]

/** What to do about an HTML page at an address; null: it came from elsewhere. */
function pageHint(name: string | undefined): string | null {
  if (!name || !/^https?:/.test(name)) return null
  const hint = 'the address answers with a web page, such as a login or an error, in place of the file'
  return /\.\w+$/.test(new URL(name).pathname) ? hint : `${hint}; a bundle's address ends in /`
}

type Unsupported = (what: string, hint: string) => TensorferryError

async function detectZip(source: ByteSource, unsupported: Unsupported): Promise<ModelFormat> {
  const names = await zipEntryNames(source)
  if (names === null) throw unsupported('a zip archive that is cut short', 'download or export it again')
  // Entries lie in one folder that is named after the file.
  const inner = names.map((name) => name.slice(name.indexOf('/') + 1))
  if (inner.some((name) => name.startsWith('data/aotinductor/'))) return 'aot-inductor'
  if (inner.includes('constants.pkl')) return 'torchscript'
  if (inner.some((name) => name === 'models/model.json' || name.startsWith('models/'))) {
    throw unsupported(
      'a torch.export program (.pt2), which only Python reads',
      'a bundle’s own: compile it with python -m tensorferry aoti; another: export its module with tensorferry.export_bundle',
    )
  }
  if (inner.includes('data.pkl'))
    throw unsupported(
      'a state dict or training checkpoint, which holds no model code',
      exportHint('torch.load("weights.pth")'),
    )
  throw unsupported('a zip archive with no model in it', 'unpack it first')
}

/**
 * Says what a file is that does not begin as an ONNX file of any known writer does.
 *
 * @param head - the first bytes of the source
 * @param first - what they are as a protobuf field
 * @param name - of the file, for messages
 * @throws TensorferryError `FORMAT_UNSUPPORTED` saying what the file is instead, and what to do
 */
export async function detectOther(
  source: ByteSource,
  head: Uint8Array,
  first: ProtobufField | null,
  name: string | undefined,
): Promise<ModelFormat> {
  const unsupported: Unsupported = (what, hint) =>
    new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${name === undefined ? '' : `${name}: `}expected a model file, got ${what}; ${hint}`,
      { details: { found: what, hint } },
    )
  if (head.length === 0) throw unsupported('an empty file', 'export or download it again')
  const start = String.fromCharCode(...head.subarray(0, 256))
  if (start.startsWith('PK\u0003\u0004')) return detectZip(source, unsupported)
  for (const { what, hint, test } of MISTAKEN) {
    if (test(head, start)) throw unsupported(what, (what === 'an HTML page' && pageHint(name)) || hint)
  }

  if (first?.number === 1 && first.value > 0 && first.value < 1000) return 'onnx'
  // These begin a bare graph.
  if (first?.number === 7 || first?.number === 8) return 'onnx'
  const isText = head.every((byte) => byte === 9 || byte === 10 || byte === 13 || byte >= 32)
  throw unsupported(
    isText ? 'a text file' : 'a file of an unknown kind',
    'pass an .onnx file, or a bundle that tensorferry.export_bundle wrote',
  )
}
