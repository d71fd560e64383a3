import type { ComponentChildren } from 'preact'

interface CardProps {
  readonly id: string
  readonly title: string
  /** Beside the title. */
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}

/** A section with a heading. */
export function Card({ id, title, aside, children }: CardProps) {
  return (
    <section class="card" aria-labelledby={`${id}-title`} id={id}>
      <div class="card-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}
