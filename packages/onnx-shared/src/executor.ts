import { TensorferryError, type Tensors } from '@tensorferry/core'

/** A run that has been accepted. */
export interface Run {
  readonly outputs: Promise<Tensors>
  /** Takes it out of the queue; a run in progress ends unseen, or is ended where the backend can. */
  cancel(): void
}

/** Where a session's runs take place: workers, or the caller's thread. */
export interface Executor {
  /** The inputs have been checked; they are copied before this returns. */
  run(inputs: Tensors): Run
  /** Waiting runs reject with `SESSION_DISPOSED`, runs in progress end, memory goes back. */
  close(): Promise<void>
}

/** The error of every call to a disposed session. */
export function disposedError(): TensorferryError {
  return new TensorferryError('SESSION_DISPOSED', 'the session has been disposed; create a new one')
}
