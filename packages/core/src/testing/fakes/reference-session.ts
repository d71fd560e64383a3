import type { Session } from '../../backend.ts'
import { throwIfAborted, withCallOptions } from '../../call.ts'
import { checkInputs } from '../../check-inputs.ts'
import { TensorferryError } from '../../errors.ts'
import type { Signature } from '../../signature.ts'
import type { Tensors } from '../../tensor.ts'
import { cloneTensors } from '../embedded.ts'
import { AT_ONCE, turn, turns } from '../turns.ts'
import type { ReferenceModel } from './reference-models.ts'

/** A job in the session's queue, first in, first out. */
interface Job {
  start(): Promise<void>
  refuse(error: TensorferryError): void
}

/** Stands for the time that another thread would take. */
const MILLISECONDS_PER_ROW = 0.04

/** A slow run outlasts what the rules count, on a machine that gives a turn only every few milliseconds too. */
const LEAST_TURNS = 4 * AT_ONCE

const disposedError = (): TensorferryError =>
  new TensorferryError('SESSION_DISPOSED', 'the session was disposed; create a new one')

/** A session that keeps every rule, one run at a time. */
export function referenceSession(
  signature: Signature,
  model: ReferenceModel,
  traits: { readonly slow: boolean; readonly remembers: boolean },
): Session {
  const waiting: Job[] = []
  let current: Promise<void> | null = null
  let disposing: Promise<void> | null = null
  let state: { total: Float32Array | null } = { total: null }

  function next(): void {
    if (current) return
    const job = waiting.shift()
    if (!job) return
    current = job.start().finally(() => {
      current = null
      next()
    })
  }

  async function compute(inputs: Tensors): Promise<Tensors> {
    if (traits.slow) {
      const milliseconds = inputs.input!.shape[0]! * MILLISECONDS_PER_ROW
      await Promise.all([new Promise((resolve) => setTimeout(resolve, milliseconds)), turns(LEAST_TURNS)])
    } else {
      await turn()
    }
    return model(inputs, state)
  }

  return {
    inputs: signature.inputs,
    outputs: signature.outputs,
    runtime: { name: 'reference', version: '1', device: 'cpu', provider: null, threads: 1 },

    async run(inputs, options) {
      if (disposing) throw disposedError()
      checkInputs(signature, inputs)
      throwIfAborted(options)
      const snapshot = cloneTensors(inputs)
      let job: Job
      const start = (): Promise<Tensors> =>
        new Promise((resolve, reject) => {
          job = { start: () => compute(snapshot).then(resolve, reject), refuse: reject }
          waiting.push(job)
          next()
        })
      return withCallOptions(options, start, () => {
        const position = waiting.indexOf(job)
        if (position >= 0) waiting.splice(position, 1)
      })
    },

    ...(traits.remembers && {
      async reset() {
        if (disposing) throw disposedError()
        state = { total: null }
      },
    }),

    dispose() {
      disposing ??= (async () => {
        for (const job of waiting.splice(0)) job.refuse(disposedError())
        await current
      })()
      return disposing
    },
  }
}
