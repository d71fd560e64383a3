import type { RawImage } from '../raw-image.ts'
import type { PixelLoops } from './pixel-loops.ts'
import { scalarLoops } from './scalar-loops.ts'

/** Pixels from which WebAssembly is worth its few kB and the millisecond in which it is compiled. */
const WORTH_IT = 1 << 18

let loaded: PixelLoops | null = null
let loading: Promise<PixelLoops> | null = null

/** WebAssembly's where it can be had; TypeScript's, which give the same bits, where there is no SIMD or a policy forbids it. */
async function load(): Promise<PixelLoops> {
  try {
    const { compileSimdLoops } = await import('./simd-loops.ts')
    loaded = await compileSimdLoops()
  } catch {
    loaded = scalarLoops
  }
  return loaded
}

/** Runs with the loops for a picture; null where they have to be loaded first. */
export function withLoopsNow({ width, height }: RawImage, run: (loops: PixelLoops) => RawImage): RawImage | null {
  return loaded || width * height < WORTH_IT ? run(loopsAtHand()) : null
}

/** Runs with the loops for a picture: those of WebAssembly once they are loaded; a large picture waits for them. */
export function withLoops(image: RawImage, run: (loops: PixelLoops) => RawImage): RawImage | Promise<RawImage> {
  const done = withLoopsNow(image, run)
  if (done) return done
  loading ??= load()
  return loading.then(run)
}

/** The loops that are there, for who cannot wait. */
export function loopsAtHand(): PixelLoops {
  return loaded ?? scalarLoops
}
