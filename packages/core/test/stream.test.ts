import { describe, expect, test } from 'vitest'
import { loadModel } from '../src/load.ts'
import { tensor } from '../src/tensor.ts'
import { referenceBackend, referenceFixtures } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { makeBundle } from './make-bundle.ts'

const backend = referenceBackend()
const loadStates = async () => referenceFixtures.find(({ name }) => name === 'states')!.load()
/** The fixture's goldens are the steps of one stream, which `makeBundle` would replay as cases of their own. */
const bundleWithStates = () => makeBundle('states', (manifest) => (manifest.goldens = null))

describe('stream', () => {
  test('feeds states back, starts from zeros, and begins anew after reset', async () => {
    const { goldens, signature } = await loadStates()
    const stateInputs = signature.states.map(({ input }) => input)
    const stateOutputs = signature.states.map(({ output }) => output)
    await using model = await loadModel(await bundleWithStates(), { backend })
    const stream = model.stream()
    for (let round = 0; round < 2; round++) {
      for (const { inputs, outputs } of goldens) {
        const free = Object.fromEntries(Object.entries(inputs).filter(([name]) => !stateInputs.includes(name)))
        const visible = Object.fromEntries(Object.entries(outputs).filter(([name]) => !stateOutputs.includes(name)))
        expect(await stream.run(free)).toEqual(visible)
      }
      expect(Object.keys(stream.state)).toEqual(stateInputs)
      await stream.reset()
      expect(stream.state).toEqual({})
    }
  })
  test('steps called at once wait for each other', async () => {
    const { goldens, signature } = await loadStates()
    const stateInputs = signature.states.map(({ input }) => input)
    await using model = await loadModel(await bundleWithStates(), { backend })
    const free = goldens.map(({ inputs }) =>
      Object.fromEntries(Object.entries(inputs).filter(([name]) => !stateInputs.includes(name))),
    )
    const stream = model.stream()
    const results = await Promise.all(free.map((inputs) => stream.run(inputs)))
    results.forEach((outputs, step) => {
      for (const [name, value] of Object.entries(outputs)) expect(value).toEqual(goldens[step]!.outputs[name])
    })
  })
  test('an aborted step and a failed step leave the state as it was', async () => {
    const { goldens, signature } = await loadStates()
    const stateInputs = signature.states.map(({ input }) => input)
    const free = goldens.map(({ inputs }) =>
      Object.fromEntries(Object.entries(inputs).filter(([name]) => !stateInputs.includes(name))),
    )
    await using model = await loadModel(await bundleWithStates(), { backend })
    const stream = model.stream()
    await stream.run(free[0]!)
    const before = stream.state
    const controller = new AbortController()
    const aborted = stream.run(free[0]!, { signal: controller.signal })
    controller.abort()
    await expectError('ABORTED', /aborted/, () => aborted)
    await expectError('INPUT_INVALID', /unknown input "nonsense"/, () =>
      stream.run({ ...free[0]!, nonsense: tensor('float32', [1]) }),
    )
    const second = await stream.run(free[1]!)
    for (const [name, value] of Object.entries(second)) expect(value).toEqual(goldens[1]!.outputs[name])
    expect(stream.state).not.toEqual(before)
  })
  test('two streams of one model are independent', async () => {
    const { goldens, signature } = await loadStates()
    const stateInputs = signature.states.map(({ input }) => input)
    const free = goldens.map(({ inputs }) =>
      Object.fromEntries(Object.entries(inputs).filter(([name]) => !stateInputs.includes(name))),
    )
    await using model = await loadModel(await bundleWithStates(), { backend })
    const [a, b] = [model.stream(), model.stream()]
    await a.run(free[0]!)
    await a.run(free[1]!)
    const first = await b.run(free[0]!)
    for (const [name, value] of Object.entries(first)) expect(value).toEqual(goldens[0]!.outputs[name])
  })
  test('a model without states has none', async () => {
    await using model = await loadModel(await makeBundle(), { backend })
    await expectError('OPTIONS_INVALID', /keeps no state/, () => model.stream())
  })
})
