import { alternate } from '../measure.mjs'

/**
 * Requests a second of each side, in windows that take turns; whoever is not measured stands still.
 *
 * @param {{ name: string, target: object, pause(): void, resume(): void }[]} sides
 * @param {import('../side.mjs').Side} generator
 * @returns {Promise<Record<string, number[]>>} of each side, in the order of the rounds
 */
export async function throughput(sides, generator, { clients, rounds = 7, milliseconds = 2000 }) {
  for (const side of sides) {
    // Its first reply is looked at: a benchmark of error messages is none.
    const { status, body } = await generator.ask({ command: 'once', target: side.target })
    const text = Buffer.from(body ?? '', 'base64').toString('utf8')
    if (status !== 200) throw new Error(`${side.name} answers ${status}: ${text.slice(0, 500)}`)
    side.pause()
  }
  const windows = Object.fromEntries(
    sides.map((side) => [
      side.name,
      async () => {
        side.resume()
        const answer = await generator.ask({ command: 'closedLoop', target: side.target, clients, milliseconds })
        side.pause()
        if (answer.error || answer.failed > 0)
          throw new Error(`${side.name}: ${answer.error ?? `${answer.failed} requests failed`}`)
        return answer.perSecond
      },
    ]),
  )
  const samples = await alternate(windows, { rounds, warmUp: 1 })
  for (const side of sides) side.resume()
  return samples
}
