import { TensorferryError } from '../../../errors.ts'
import { tensor } from '../../../tensor.ts'
import { invalidInputCases } from '../../cases/invalid-inputs.ts'
import { type BrokenBackend, brokenBackend } from '../broken-backend.ts'

const EVERY_REFUSAL = invalidInputCases.map(({ name }) => name)
const FAILURE = 'a failure inside the runtime rejects with RUNTIME_FAILED'
const AFTER_FAILURE = 'a session goes on after its runtime has failed'
const NUMBERS = tensor('float32', [0])

/** Backends that take wrong inputs, or bear them and a failing runtime badly. */
export const brokenInputs: readonly BrokenBackend[] = [
  brokenBackend('takes any input', EVERY_REFUSAL, {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error) => {
          if (TensorferryError.is(error, 'INPUT_INVALID')) return { sum: NUMBERS }
          throw error
        }),
    }),
  }),
  brokenBackend('refuses inputs with an error of its own', EVERY_REFUSAL, {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error: Error) => {
          throw TensorferryError.is(error, 'INPUT_INVALID') ? new TypeError(error.message) : error
        }),
    }),
  }),
  brokenBackend('leaves the refusal to its runtime', EVERY_REFUSAL, {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error: Error) => {
          throw TensorferryError.is(error, 'INPUT_INVALID') ? new TensorferryError('RUNTIME_FAILED', 'shape') : error
        }),
    }),
  }),
  brokenBackend('is dead after a refused input', EVERY_REFUSAL, {
    session(inner) {
      let dead = false
      return {
        async run(inputs, options) {
          if (dead) throw new TensorferryError('RUNTIME_FAILED', 'the runtime is gone')
          return inner.run(inputs, options).catch((error) => {
            dead = TensorferryError.is(error, 'INPUT_INVALID')
            throw error
          })
        },
      }
    },
  }),
  brokenBackend('ignores inputs that it does not know', ['refuses an unknown input with INPUT_INVALID'], {
    session: (inner) => ({
      async run(inputs, options) {
        const { no_such_input, ...known } = inputs ?? {}
        return inner.run(no_such_input ? known : inputs, options)
      },
    }),
  }),
  brokenBackend('throws in place of rejecting', ['refuses null in place of a record with INPUT_INVALID'], {
    session: (inner) => ({
      run(inputs, options) {
        if (inputs === null) throw new TensorferryError('INPUT_INVALID', 'expected tensors, got null')
        return inner.run(inputs, options)
      },
    }),
  }),
  brokenBackend(
    'refuses with details that cannot be cloned',
    ['refuses null in place of a record with INPUT_INVALID'],
    {
      session: (inner) => ({
        async run(inputs, options) {
          if (inputs !== null) return inner.run(inputs, options)
          throw new TensorferryError('INPUT_INVALID', 'expected tensors, got null', { details: { retry() {} } })
        },
      }),
    },
  ),
  brokenBackend("passes on its runtime's own error", [FAILURE], {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error: Error) => {
          throw TensorferryError.is(error, 'RUNTIME_FAILED') ? new RangeError(error.message) : error
        }),
    }),
  }),
  brokenBackend('gives zeros where its runtime has failed', [FAILURE], {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error) => {
          if (TensorferryError.is(error, 'RUNTIME_FAILED')) return { picked: NUMBERS }
          throw error
        }),
    }),
  }),
  brokenBackend('is dead after a failure', [AFTER_FAILURE], {
    session(inner) {
      let dead = false
      return {
        async run(inputs, options) {
          if (dead) throw new TensorferryError('RUNTIME_FAILED', 'the runtime is gone')
          return inner.run(inputs, options).catch((error) => {
            dead = TensorferryError.is(error, 'RUNTIME_FAILED')
            throw error
          })
        },
      }
    },
  }),
]
