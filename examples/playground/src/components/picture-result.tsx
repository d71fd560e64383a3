import type { RawImage } from '@tensorferry/core'
import { useEffect, useState } from 'preact/hooks'
import type { CanvasPicture } from '../pictures/tensor-picture.ts'
import { loadEngine } from '../state/engine.ts'
import { Pixels } from './pixels.tsx'

interface PictureResultProps {
  readonly before: RawImage
  readonly after: RawImage
}

interface Pair {
  readonly after: RawImage
  readonly enlarged: CanvasPicture
  readonly network: CanvasPicture
}

async function download(image: RawImage): Promise<void> {
  const { encodeImage } = await loadEngine()
  const url = URL.createObjectURL(new Blob([await encodeImage(image)], { type: 'image/png' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `result-${image.width}x${image.height}.png`
  link.click()
  // The browser has begun to read it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** The picture before, enlarged by Pillow's bicubic filter, and after, with a line between them to move. */
export function PictureResult({ before, after }: PictureResultProps) {
  const [share, setShare] = useState(50)
  const [pair, setPair] = useState<Pair | null>(null)
  useEffect(() => {
    let isOver = false
    void loadEngine().then(({ resize, imagePicture }) => {
      if (isOver) return
      const { width, height } = after
      const same = before.width === width && before.height === height
      const enlarged = same ? before : resize(before, { size: [height, width], interpolation: 'bicubic' })
      setPair({ after, enlarged: imagePicture(enlarged), network: imagePicture(after) })
    })
    return () => {
      isOver = true
    }
  }, [before, after])
  const isLarger = before.width !== after.width || before.height !== after.height
  const beforeName = isLarger ? 'Bicubic' : 'Before'
  return (
    <div class="picture-result">
      {pair?.after === after ? (
        <div class="compare" style={{ '--share': `${share}%` }}>
          <Pixels picture={pair.network} label={`The result, ${after.width} by ${after.height} pixels`} />
          <Pixels picture={pair.enlarged} label={`${beforeName}, for comparison`} class="over" />
          <span class="compare-line" aria-hidden="true" />
          <span class="tag left" aria-hidden="true">
            {beforeName}
          </span>
          <span class="tag right" aria-hidden="true">
            Network
          </span>
          <input
            type="range"
            min="0"
            max="100"
            value={share}
            aria-label={`Share of the picture that shows ${beforeName.toLowerCase()}, in percent`}
            onInput={({ currentTarget }) => setShare(Number(currentTarget.value))}
          />
        </div>
      ) : null}
      <div class="row spread">
        <span class="soft small">
          {after.width} × {after.height} pixels
        </span>
        <button type="button" onClick={() => void download(after)}>
          Download as PNG
        </button>
      </div>
    </div>
  )
}
