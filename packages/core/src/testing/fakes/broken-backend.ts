import type { Backend, Session, SessionSource } from '../../backend.ts'
import type { Tensors } from '../../tensor.ts'
import { referenceBackend } from './reference-backend.ts'

/** A backend that breaks a rule, and the cases that must find it. */
export interface BrokenBackend {
  readonly name: string
  /** Names of exactly those cases that fail on it. */
  readonly breaks: readonly string[]
  /** It holds up whatever else runs on this thread: run it alone. */
  readonly blocks: boolean
  /** Makes a new one; each case gets its own. */
  create(): Backend
}

/** Replaces what is given and keeps the rest of the reference backend. */
interface Flaw {
  readonly blocks?: boolean
  backend?(inner: Backend): Partial<Backend>
  session?(inner: Session, source: SessionSource): Partial<Session>
}

/** The reference backend with one flaw. */
export function brokenBackend(name: string, breaks: readonly string[], flaw: Flaw): BrokenBackend {
  return {
    name,
    breaks,
    blocks: flaw.blocks ?? false,
    create() {
      const reference = referenceBackend()
      const backend: Backend = {
        ...reference,
        async createSession(source, options) {
          const session = await reference.createSession(source, options)
          return { ...session, ...flaw.session?.(session, source) }
        },
      }
      return { ...backend, ...flaw.backend?.(backend) }
    },
  }
}

/** Changes outputs after a correct run. */
export function withOutputs(
  change: (outputs: Tensors, inputs: Tensors) => Tensors,
): (inner: Session) => Pick<Session, 'run'> {
  return (inner) => ({ run: async (inputs, options) => change(await inner.run(inputs, options), inputs) })
}
