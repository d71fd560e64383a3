/** The value below which that share of the samples lies. */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

const median = (samples) => percentile(samples, 0.5)

/** Milliseconds of one call. */
export async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/**
 * Calls each side once a round, so that whatever slows the machine slows them all; the order turns round by round.
 *
 * @param {Record<string, () => Promise<number>>} sides - each returns its own figure, such as milliseconds
 * @param {{ rounds: number, warmUp?: number, pauseMs?: number }} options
 * @returns {Promise<Record<string, number[]>>} the figures of each side, in the order of the rounds
 */
export async function alternate(sides, { rounds, warmUp = 3, pauseMs = 0 }) {
  const names = Object.keys(sides)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + Math.abs(round)) % names.length]
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const figure = await sides[name]()
      if (round >= 0) samples[name].push(figure)
    }
  }
  return samples
}

/** Ratio of the medians, and the middle 80 % of the ratios of single rounds. */
export function ratio(samples, tested, base) {
  const rounds = samples[tested].map((figure, round) => figure / samples[base][round])
  return {
    value: median(samples[tested]) / median(samples[base]),
    spread: [percentile(rounds, 0.1), percentile(rounds, 0.9)],
    medians: { [tested]: median(samples[tested]), [base]: median(samples[base]) },
    rounds: rounds.length,
  }
}

/** Difference of the medians, and the middle 80 % of the differences of single rounds. */
export function difference(samples, tested, base) {
  const rounds = samples[tested].map((figure, round) => figure - samples[base][round])
  return {
    value: median(samples[tested]) - median(samples[base]),
    spread: [percentile(rounds, 0.1), percentile(rounds, 0.9)],
    medians: { [tested]: median(samples[tested]), [base]: median(samples[base]) },
    rounds: rounds.length,
  }
}
