import { useEffect, useState } from 'preact/hooks'
import { givePicture } from '../state/run-state.ts'
import { takeDrop } from '../state/start.ts'

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false

/** The whole page takes drops, and pictures from the clipboard. */
export function DropTarget() {
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    const end = new AbortController()
    const { signal } = end
    addEventListener(
      'dragover',
      (event) => {
        if (!hasFiles(event)) return
        event.preventDefault()
        setOver(true)
      },
      { signal },
    )
    addEventListener('dragleave', (event) => event.relatedTarget === null && setOver(false), { signal })
    addEventListener(
      'drop',
      (event) => {
        setOver(false)
        if (!hasFiles(event) || !event.dataTransfer) return
        event.preventDefault()
        void takeDrop(event.dataTransfer)
      },
      { signal },
    )
    addEventListener(
      'paste',
      (event) => {
        const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
        if (!file) return
        event.preventDefault()
        void givePicture(file)
      },
      { signal },
    )
    return () => end.abort()
  }, [])
  return isOver ? (
    <div class="drop-target" aria-hidden="true">
      <p>Drop a picture, or a bundle’s folder</p>
    </div>
  ) : null
}
