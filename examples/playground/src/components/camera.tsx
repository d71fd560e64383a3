import { useEffect, useRef, useState } from 'preact/hooks'
import type { ShownError } from '../model/describe-error.ts'
import { givePixels } from '../state/run-state.ts'
import { ErrorNote } from './error-note.tsx'

interface CameraProps {
  readonly onEnd: () => void
}

/** Reasons of `getUserMedia`, in words. */
const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'The browser or its user did not allow the camera for this page.',
  NotFoundError: 'This device has no camera.',
  NotReadableError: 'The camera is in use elsewhere.',
}

/** A view of the camera, until a picture is taken; then it is switched off. */
export function Camera({ onEnd }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null)
  const [error, setError] = useState<ShownError | null>(null)
  const [isReady, setReady] = useState(false)
  useEffect(() => {
    let stream: MediaStream | undefined
    let isOver = false
    const stop = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop()
    }
    const start = async (): Promise<void> => {
      if (!navigator.mediaDevices) {
        return setError({ code: null, message: 'Browsers give the camera to pages with https alone.' })
      }
      try {
        stream = await navigator.mediaDevices.getUserMedia({
          video: { facingMode: 'environment', width: { ideal: 640 } },
        })
        if (isOver) return stop()
        video.current!.srcObject = stream
        await video.current!.play()
        setReady(true)
      } catch (thrown) {
        stop()
        const { name, message } = thrown as DOMException
        if (!isOver) setError({ code: null, message: REASONS[name] ?? message })
      }
    }
    void start()
    return () => {
      isOver = true
      stop()
    }
  }, [])
  const take = (): void => {
    const { videoWidth, videoHeight } = video.current!
    const context = new OffscreenCanvas(videoWidth, videoHeight).getContext('2d')!
    context.drawImage(video.current!, 0, 0)
    void givePixels(context.getImageData(0, 0, videoWidth, videoHeight))
    onEnd()
  }
  return (
    <div class="camera">
      {error ? (
        <ErrorNote title="No camera" error={error} />
      ) : (
        <video ref={video} muted playsInline aria-label="What the camera sees" />
      )}
      <div class="row">
        <button type="button" class="primary" disabled={!isReady} onClick={take}>
          Take a picture
        </button>
        <button type="button" onClick={onEnd}>
          Close the camera
        </button>
      </div>
    </div>
  )
}
