import {
  type ComparedTensor,
  encodeImage,
  float32FromBfloat16,
  float32FromFloat16,
  type RawImage,
  type Tensor,
} from '@tensorferry/core'

/** Three pictures of one comparison, as data URLs. */
export interface ComparedPictures {
  readonly expected: string
  readonly got: string
  /** Brighter where they differ more. */
  readonly difference: string
  /** By how much differences were enlarged; 1 is the scale of the picture. */
  readonly gain: number
  readonly width: number
  readonly height: number
}

/** Longest side in the report; larger ones are thinned out. */
const LONGEST = 480

interface Planes {
  readonly channels: 1 | 3
  readonly width: number
  readonly height: number
  at(channel: number, y: number, x: number): number
}

function valuesOf({ dtype, data }: Tensor): ArrayLike<number> | null {
  if (dtype === 'string' || dtype === 'int64') return null
  if (dtype === 'float16') return float32FromFloat16(data as Uint16Array)
  if (dtype === 'bfloat16') return float32FromBfloat16(data as Uint16Array)
  return data as ArrayLike<number>
}

/** Sees a tensor as a picture: uint8 [height, width, channels], or the first of [batch, channels, height, width]. */
function planesOf(tensor: Tensor): Planes | null {
  const values = valuesOf(tensor)
  if (!values) return null
  const { shape } = tensor
  if (tensor.dtype === 'uint8' && shape.length === 3 && (shape[2] === 1 || shape[2] === 3)) {
    const [height, width, channels] = shape as [number, number, 1 | 3]
    return { channels, width, height, at: (channel, y, x) => values[(y * width + x) * channels + channel]! }
  }
  const [channels, height, width] = shape.slice(-3)
  const isPicture =
    shape.length >= 3 && shape.length <= 4 && (channels === 1 || channels === 3) && height! > 1 && width! > 1
  if (!isPicture) return null
  const plane = height! * width!
  return {
    channels: channels as 1 | 3,
    width: width!,
    height: height!,
    at: (channel, y, x) => values[channel * plane + y * width! + x]!,
  }
}

async function toDataUrl(planes: Planes, value: (channel: number, y: number, x: number) => number): Promise<string> {
  const { channels } = planes
  const step = Math.max(1, Math.ceil(Math.max(planes.width, planes.height) / LONGEST))
  const width = Math.ceil(planes.width / step)
  const height = Math.ceil(planes.height / step)
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const level = Math.round(value(channel, y * step, x * step))
        data[(y * width + x) * channels + channel] = Math.min(255, Math.max(0, level))
      }
    }
  }
  const image: RawImage = { mode: channels === 1 ? 'L' : 'RGB', width, height, data }
  return `data:image/png;base64,${Buffer.from(await encodeImage(image)).toString('base64')}`
}

function rangeOf(values: ArrayLike<number>): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low < high ? [low, high] : [0, 1]
}

/** Draws a comparison, where its tensors are pictures of the same size; else null. */
export async function drawComparison({ expected, got, difference }: ComparedTensor): Promise<ComparedPictures | null> {
  if (got === null || difference === null || difference.mismatch !== null) return null
  const a = planesOf(expected)
  const b = planesOf(got)
  if (!a || !b) return null
  const [low, high] = expected.dtype === 'uint8' ? [0, 255] : rangeOf(valuesOf(expected)!)
  const scale = 255 / (high - low)
  const largest = difference.maxAbs * scale
  const gain = largest > 0 && Number.isFinite(largest) ? Math.max(1, 255 / largest) : 1
  return {
    expected: await toDataUrl(a, (channel, y, x) => (a.at(channel, y, x) - low) * scale),
    got: await toDataUrl(b, (channel, y, x) => (b.at(channel, y, x) - low) * scale),
    difference: await toDataUrl(
      a,
      (channel, y, x) => Math.abs(a.at(channel, y, x) - b.at(channel, y, x)) * scale * gain,
    ),
    gain,
    width: a.width,
    height: a.height,
  }
}
