import type { ShownError } from '../model/describe-error.ts'

interface ErrorNoteProps {
  /** What could not be done, in a few words. */
  readonly title: string
  readonly error: ShownError
}

/** What went wrong: a sentence, and the code to look up. */
export function ErrorNote({ title, error }: ErrorNoteProps) {
  return (
    <div class="error" role="alert">
      <p class="error-title">
        {title} {error.code === null ? null : <code>{error.code}</code>}
      </p>
      <p>{error.message}</p>
    </div>
  )
}
