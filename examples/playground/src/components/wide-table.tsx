import type { ComponentChildren } from 'preact'

interface WideTableProps {
  readonly label: string
  readonly children: ComponentChildren
}

/** A table that may be wider than a phone: it scrolls on its own, by keyboard too. */
export function WideTable({ label, children }: WideTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>{children}</table>
    </section>
  )
}
