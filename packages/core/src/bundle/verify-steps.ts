import type { LoadOptions } from '../backend.ts'
import type { ModelStream } from '../stream.ts'
import type { Tensors } from '../tensor.ts'
import type { Manifest } from './manifest.ts'

// Loaded for models with states. It imports nothing: what two files share becomes one more download.

/**
 * Replays a case step by step from zeros, the states fed back and compared too.
 *
 * @param group - the case's tensors whose names begin with a prefix, by the rest of their names
 * @param replay - compares what a run gives with the goldens below a prefix
 */
export async function replaySteps(
  stream: ModelStream,
  { states }: Manifest,
  steps: number,
  group: (prefix: string) => Tensors,
  replay: (prefix: string, run: () => Promise<Tensors>) => Promise<void>,
  { signal }: LoadOptions,
): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await replay(`${step}/`, async () => {
      const outputs = await stream.run(group(`${step}/inputs.`), { signal })
      return { ...outputs, ...Object.fromEntries(states.map(({ input, output }) => [output, stream.state[input]!])) }
    })
  }
}
