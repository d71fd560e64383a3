import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { ensurePython } from '../../scripts/python.mjs'
import { runToEnd } from '../libtorch/prepare.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Python with PyTorch, the three bundles (the ResNet-18 compiled too), and a photo of 640 x 480; kept in .cache. */
export async function prepare() {
  const python = await ensurePython()
  const sources = [here('export_models.py'), here('../libtorch/models.py')].map((path) => readFileSync(path))
  const hash = sources
    .reduce((sum, source) => sum.update(source), createHash('sha256'))
    .digest('hex')
    .slice(0, 8)
  const folder = here(`../../.cache/bench-server-${hash}`)
  if (!existsSync(`${folder}/complete`)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    console.log('exporting the models ...')
    await sharp(here('../../examples/bundles/super-resolution-x3/photo.png'))
      .resize(640, 480, { fit: 'fill' })
      .jpeg({ quality: 85 })
      .toFile(`${folder}/photo.jpg`)
    runToEnd(python, [here('export_models.py'), folder])
    // As its user does: the exported program is compiled on the machine that runs it.
    const env = { ...process.env, PYTHONPATH: here('../../packages/exporter/src') }
    runToEnd(python, ['-m', 'tensorferry', 'aoti', `${folder}/resnet18`], { env })
    writeFileSync(`${folder}/complete`, '')
  }
  return { python, folder }
}
