import { useLayoutEffect, useRef } from 'preact/hooks'
import type { CanvasPicture } from '../pictures/tensor-picture.ts'

interface PixelsProps {
  readonly picture: CanvasPicture
  /** For those who do not see it. */
  readonly label: string
  readonly class?: string
}

/** Pixels on a canvas, each as large as the place allows; few ones keep their edges. */
export function Pixels({ picture, label, class: name = '' }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, height, data } = picture
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (width * height > 0) context?.putImageData(new ImageData(data, width, height), 0, 0)
  }, [picture])
  const edges = Math.max(width, height) <= 128 ? 'crisp' : ''
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label}
      width={width}
      height={height}
      class={`pixels ${edges} ${name}`}
    />
  )
}
