// node with-sharp.mjs <libtorch root> <model file>: opens libtorch, then decodes a picture; prints its size.
// Debian's libtorch brings GLib along, and sharp has one of its own.
import { pathToFileURL } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { decodeImage, encodeImage, loadModel } from '@tensorferry/core'

const [, , root, file] = process.argv
const model = await loadModel(pathToFileURL(file), { backend: libtorch({ libtorch: root }) })
const png = await encodeImage({ mode: 'RGB', width: 5, height: 4, data: new Uint8Array(60).fill(7) }, { format: 'png' })
const { width, height, data } = await decodeImage(png)
console.log(
  model.report.runtime.name,
  width,
  height,
  data.every((value) => value === 7),
)
await model.dispose()
