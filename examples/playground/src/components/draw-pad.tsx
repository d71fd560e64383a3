import { signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { PenPoint, PenStroke } from '../digits/drawing-to-picture.ts'
import { isLabels } from '../model/value-kinds.ts'
import { giveDrawing, inputView, pictureInput, runResult } from '../state/run-state.ts'
import { isDark } from '../state/theme.ts'
import { Pixels } from './pixels.tsx'

/** Pixels of the canvas; its size on the page is another. */
const SIDE = 280
const PEN_WIDTH = 18

const strokes = signal<readonly PenStroke[]>([])

function draw(canvas: HTMLCanvasElement, all: readonly PenStroke[]): void {
  const context = canvas.getContext('2d')!
  context.clearRect(0, 0, SIDE, SIDE)
  context.lineWidth = PEN_WIDTH
  context.lineCap = 'round'
  context.lineJoin = 'round'
  context.strokeStyle = getComputedStyle(canvas).color
  for (const stroke of all) {
    context.beginPath()
    for (const [x, y] of stroke) context.lineTo(x, y)
    // A line of no length is not drawn; one of nearly none is a dot.
    const [x, y] = stroke[0]!
    if (stroke.length === 1) context.lineTo(x + 0.01, y)
    context.stroke()
  }
}

function change(next: readonly PenStroke[]): void {
  strokes.value = next
  void giveDrawing(next)
}

/** Where the result's own card is out of sight, as on a phone; a screen reader is told elsewhere. */
function QuickAnswer() {
  const value = runResult.value?.value
  const best = isLabels(value) ? value[0] : undefined
  return (
    <span class="quick" aria-hidden="true">
      {best ? `${best.label} · ${(100 * best.score).toFixed(0)} %` : ''}
    </span>
  )
}

/** A place to draw one digit, by mouse, finger or pen. */
export function DrawPad() {
  const canvas = useRef<HTMLCanvasElement>(null)
  /** The stroke in progress; null: the pen is up. */
  const current = useRef<PenPoint[] | null>(null)
  const given = pictureInput.value
  // An example or a file in place of the drawing.
  const isOther = given !== null && strokes.value.length === 0
  useLayoutEffect(() => {
    if (canvas.current) draw(canvas.current, strokes.value)
  }, [strokes.value, isDark.value, isOther])
  useEffect(() => {
    // A new input that is not a drawing clears what was drawn.
    if (given !== null && !given.notes.some((note) => note.startsWith('centred'))) strokes.value = []
  }, [given])

  const pointOf = (event: PointerEvent): PenPoint => {
    const box = canvas.current!.getBoundingClientRect()
    const scale = SIDE / box.width
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale, event.timeStamp]
  }
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0 || current.current) return
    event.preventDefault()
    canvas.current!.setPointerCapture(event.pointerId)
    current.current = [pointOf(event)]
    draw(canvas.current!, [...strokes.value, current.current])
  }
  const onPointerMove = (event: PointerEvent): void => {
    if (!current.current) return
    // The browser hands over one event a frame; what the pen did in between is in it.
    const events = event.getCoalescedEvents?.() ?? []
    current.current.push(...(events.length > 0 ? events : [event]).map(pointOf))
    draw(canvas.current!, [...strokes.value, current.current])
  }
  const onPointerEnd = (): void => {
    if (!current.current) return
    const stroke = current.current
    current.current = null
    change([...strokes.value, stroke])
  }
  const stage = inputView.value
  const count = strokes.value.length
  return (
    <div class="draw-pad">
      <div class="pad">
        {isOther && stage?.picture ? (
          <Pixels picture={stage.picture} label="The chosen picture of a digit" class="chosen" />
        ) : (
          <>
            <canvas
              ref={canvas}
              width={SIDE}
              height={SIDE}
              role="img"
              aria-label={`A place to draw a digit by mouse, finger or pen; ${count === 0 ? 'empty' : `${count} ${count === 1 ? 'stroke' : 'strokes'}`}. By keyboard, take one of the example digits.`}
              onPointerDown={onPointerDown}
              onPointerMove={onPointerMove}
              onPointerUp={onPointerEnd}
              onPointerCancel={onPointerEnd}
            />
            {count === 0 ? <p class="pad-hint">Draw a digit</p> : null}
          </>
        )}
      </div>
      <div class="row">
        <button type="button" disabled={count === 0} onClick={() => change(strokes.value.slice(0, -1))}>
          Undo
        </button>
        <button type="button" disabled={count === 0 && !isOther} onClick={() => change([])}>
          Clear
        </button>
        <QuickAnswer />
      </div>
    </div>
  )
}
