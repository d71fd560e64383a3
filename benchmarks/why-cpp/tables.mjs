import { percentile, ratio } from '../measure.mjs'

/** Models of this benchmark, and what pages call them. */
export const NAMES = { mlp: 'MLP 10-10', resnet18: 'ResNet-18' }
export const LANGUAGES = ['Python', 'C++', 'Node']
const CAUSES = {
  none: 'nothing wrong',
  gradients: 'gradients left on',
  debug: 'the program compiled as Debug',
  worker: '`forward` from one other thread, always the same',
  pool: '`forward` from a pool of 4 threads, one call at a time',
  oversubscribed: '4 calls at once, each with all cores',
}
const time = (ms) => (ms < 1 ? `${(1000 * ms).toPrecision(3)} µs` : `${ms.toPrecision(3)} ms`)
const rowOf = (cells) => `| ${cells.join(' | ')} |`
const table = (head, rows) => [rowOf(head), rowOf(head.map(() => '---')), ...rows.map(rowOf)]
const median = (samples) => percentile(samples, 0.5)

/** The first calls of a process. */
export function firstTable(first) {
  const head = ['', ...first[LANGUAGES[0]].map((_, index) => `call ${index + 1}`)]
  return table(
    head,
    LANGUAGES.map((language) => [language, ...first[language].map(time)]),
  )
}

function rows(samples, show) {
  const cell = (language, cause) => {
    const label = `${language} ${cause}`
    if (!samples[label]) return ''
    const base = cause === 'none' ? 'Python none' : `${language} none`
    return show(label, label === base ? null : base)
  }
  return table(
    ['', ...LANGUAGES],
    Object.entries(CAUSES).map(([cause, what]) => [what, ...LANGUAGES.map((language) => cell(language, cause))]),
  )
}

/** Each cause beside the same language without it, and that beside Python: medians, minima, spread. */
export const causeTable = ({ samples, minima }) =>
  rows(samples, (label, base) => {
    const text = `${time(median(samples[label]))} (min ${time(minima[label])})`
    if (base === null) return text
    const { value, spread } = ratio(samples, label, base)
    return `${text}: **${value.toFixed(2)}** [${spread.map((one) => one.toFixed(2)).join(' to ')}]`
  })

/** The same by the fastest samples alone. */
const smallTable = ({ samples, minima }) =>
  rows(samples, (label, base) => {
    const text = time(minima[label])
    return base === null ? text : `${text}, **× ${(minima[label] / minima[base]).toFixed(2)}**`
  })

/** How often the threads of a run in C++ gave up their cores. */
export const switchTable = ({ switches }) =>
  table(
    ['', 'context switches a run, C++'],
    Object.entries(switches).map(([cause, count]) => [CAUSES[cause], count.toFixed(count < 10 ? 1 : 0)]),
  )

/** What docs/guides/why-was-cpp-slower.md shows of results/why-cpp.json. */
export function guideTables({ machine, results }) {
  const parts = Object.entries(results).flatMap(([name, found]) => [
    `${NAMES[name]}, ${machine.threads} threads, the first calls of a process:`,
    '',
    ...firstTable(found.first),
    '',
    `${NAMES[name]}, ${machine.threads} threads, a call once it has settled:`,
    '',
    ...smallTable(found),
    '',
    ...switchTable(found),
    '',
  ])
  return parts.join('\n').trimEnd()
}

const BEGIN = '<!-- figures: pnpm bench why-cpp -->'
const END = '<!-- end of the figures -->'

/** The guide with its figures replaced. */
export function withFigures(guide, tables) {
  const start = guide.indexOf(BEGIN)
  const end = guide.indexOf(END)
  if (start < 0 || end < start) throw new Error('the guide has no place for its figures')
  return `${guide.slice(0, start + BEGIN.length)}\n\n${tables}\n\n${guide.slice(end)}`
}
