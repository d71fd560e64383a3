// Enlarges a photo three times with a network that PyTorch trained, and shows what that gains over bicubic.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  bundle,
  decodeImage,
  encodeImage,
  formatReport,
  loadModel,
  type RawImage,
  resize,
  splitYcbcr,
  TensorferryError,
} from '@tensorferry/core'
import ora from 'ora'
import sharp from 'sharp'
import { drawComparison } from './comparison.ts'
import { psnr } from './psnr.ts'

const SCALE = 3
/** Larger photos are shrunk first: their result would be hundreds of megabytes of pixels. */
const MAX_PIXELS = 1_000_000
/** Longer ones too: the bundle says that its sides go up to this. */
const MAX_SIDE = 4096
const BUNDLE = fileURLToPath(new URL('../bundles/super-resolution-x3', import.meta.url))
const PHOTO = fileURLToPath(new URL('./photo-original.png', import.meta.url))

/** Types of the bundle, as its card gives them. */
interface SuperResolution {
  readonly task: 'image-to-image'
}

/** The photo as its owner sees it: phones store a rotation beside the pixels, which PIL and the pipeline leave alone. */
async function upright(file: Uint8Array): Promise<Uint8Array | RawImage> {
  const orientation = file.length === 0 ? 1 : await orientationOf(file)
  if (orientation === 1) return file
  // Core's decoder says in plain words what is wrong with a file; sharp does not.
  await decodeImage(file)
  const turning = sharp(file, { ignoreIcc: true }).autoOrient().removeAlpha().toColourspace('srgb').raw()
  const { data, info } = await turning.toBuffer({ resolveWithObject: true })
  return { mode: 'RGB', width: info.width, height: info.height, data: new Uint8Array(data) }
}

/** 1 is upright; also for what is no picture, which the decoder names better. */
async function orientationOf(file: Uint8Array): Promise<number> {
  const metadata = await sharp(file)
    .metadata()
    .catch(() => null)
  return metadata?.orientation ?? 1
}

function shrinkToLimit(photo: RawImage): RawImage {
  const { width, height } = photo
  const factor = Math.min(Math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / Math.max(width, height))
  if (factor >= 1) return photo
  const shrunk = (side: number): number => Math.max(1, Math.floor(side * factor))
  const size: [number, number] = [shrunk(height), shrunk(width)]
  return resize(photo, { size, interpolation: 'lanczos' })
}

/** Cuts right and bottom edges so that both sizes divide by the scale. */
function divisible(photo: RawImage): RawImage {
  const width = photo.width - (photo.width % SCALE)
  const height = photo.height - (photo.height % SCALE)
  const data = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    data.set(photo.data.subarray(row * photo.width * 3, (row * photo.width + width) * 3), row * width * 3)
  }
  return { mode: 'RGB', width, height, data }
}

async function readPhoto(path: string, name: string): Promise<RawImage> {
  try {
    return await decodeImage(await upright(await readFile(path)))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: name.startsWith('-') ? 'there is no such option and no such file; see --help' : 'there is no such file',
      EISDIR: 'it is a folder, pass a photo',
      EACCES: 'it may not be read',
    }
    throw new TensorferryError(
      'INPUT_INVALID',
      `${name}: ${reasons[code ?? ''] ?? message.replace(/^decode_image: /, '')}`,
    )
  }
}

/** What is no option of ours is a photo, also when its name begins with a dash. */
function readArguments() {
  const args = process.argv.slice(2)
  const isOption = (arg: string): boolean => /^(-h|--help|--out|--out=.*|--)$/.test(arg)
  const names = new Map(args.filter((arg) => arg.startsWith('-') && !isOption(arg)).map((arg) => [`./${arg}`, arg]))
  const { values, positionals } = parseArgs({
    args: args.map((arg) => (names.has(`./${arg}`) ? `./${arg}` : arg)),
    allowPositionals: true,
    options: { out: { type: 'string', default: 'out' }, help: { type: 'boolean', short: 'h', default: false } },
  })
  return { ...values, photos: positionals.map((photo) => names.get(photo) ?? photo) }
}

async function main(): Promise<void> {
  const { photos, ...options } = readArguments()
  if (options.help) {
    process.stdout.write(await readFile(new URL('./help.txt', import.meta.url), 'utf8'))
    return
  }
  if (photos.length > 1) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `expected one photo, got ${photos.length}: ${photos.join(', ')}; quote a name with spaces, see --help`,
    )
  }
  // The demo starts this from another folder than the user's.
  const base = process.env.INIT_CWD ?? process.cwd()
  const path = photos[0] ? resolve(base, photos[0]) : PHOTO
  const out = resolve(base, options.out)
  const timings: [stage: string, ms: number][] = []
  const spinner = ora({ stream: process.stdout })
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    if (spinner.isSpinning) spinner.text = stage
    const start = performance.now()
    const result = await work()
    timings.push([stage, performance.now() - start])
    return result
  }
  // The photo first: what is wrong with it should be said before anything is loaded.
  const whole = await timed('decode', () => readPhoto(path, photos[0] ?? basename(path)))
  const photo = shrinkToLimit(whole)

  try {
    spinner.start('loading the model')
    await using model = await loadModel(bundle<SuperResolution>(BUNDLE))
    spinner.stop()
    console.log(formatReport(model.report))

    // Y Cb Cr, the network on Y, and the merge: predict() does these three in one call.
    spinner.start('enlarging')
    const { inputs, context } = await timed('preprocess', () => model.preprocess(photo))
    const outputs = await timed('network', () => model.run(inputs))
    const enlarged = await timed('postprocess', () => model.postprocess(outputs, context))
    const png = await timed('encode', () => encodeImage(enlarged))

    spinner.text = 'comparing with bicubic'
    const original = divisible(photo)
    const canCompare = original.width >= 8 * SCALE && original.height >= 8 * SCALE
    const comparison = canCompare ? await compare(original, (small) => model.predict(small)) : null
    spinner.stop()

    await mkdir(out, { recursive: true })
    const name = basename(path, extname(path)).replace(/-original$/, '')
    const written = [join(out, `${name}-x3.png`)]
    await writeFile(written[0]!, png)
    if (comparison) {
      written.push(join(out, `${name}-comparison.png`))
      await writeFile(written[1]!, await drawComparison(comparison))
    }

    if (photo !== whole) {
      console.log(
        `size      ${whole.width} x ${whole.height} is more than this demo enlarges (${MAX_PIXELS / 1e6} megapixel, ${MAX_SIDE} a side); shrunk to ${photo.width} x ${photo.height} first`,
      )
    }
    console.log(`size      ${photo.width} x ${photo.height} -> ${enlarged.width} x ${enlarged.height}`)
    console.log(`time      ${timings.map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`).join(', ')}`)
    if (comparison) {
      const gain = comparison.networkPsnr - comparison.bicubicPsnr
      console.log(`psnr      the photo made ${SCALE} times smaller and enlarged again, against the photo itself, luma:`)
      console.log(
        `          bicubic ${comparison.bicubicPsnr.toFixed(2)} dB, network ${comparison.networkPsnr.toFixed(2)} dB (${gain >= 0 ? '+' : ''}${gain.toFixed(2)} dB)`,
      )
    } else console.log(`psnr      not measured: the photo is too small to be made ${SCALE} times smaller`)
    for (const file of written) console.log(`wrote     ${relative(base, file) || file}`)
  } finally {
    spinner.stop()
  }
}

async function compare(original: RawImage, predict: (small: RawImage) => Promise<RawImage>) {
  const { width, height } = original
  const small = resize(original, { size: [height / SCALE, width / SCALE], interpolation: 'bicubic' })
  const bicubic = resize(small, { size: [height, width], interpolation: 'bicubic' })
  const network = await predict(small)
  const luma = splitYcbcr(original).Y
  return {
    original,
    bicubic,
    network,
    bicubicPsnr: psnr(splitYcbcr(bicubic).Y, luma),
    networkPsnr: psnr(splitYcbcr(network).Y, luma),
  }
}

main().catch((error: unknown) => {
  // One line: what was expected, what came, what to do.
  const isPlain =
    TensorferryError.is(error) || error instanceof TypeError || (error instanceof Error && 'syscall' in error)
  console.error(isPlain ? error.message : error)
  process.exitCode = 1
})
