// The figures of docs/guides/scaling.md: from the committed results, and from nothing else.

const BEGIN = '<!-- figures: benchmarks/results -->'
const END = '<!-- end of figures -->'
const NOT_YET = 'not measured yet'

/** Share of a core's capacity that is planned with: above it waiting grows faster than the load. */
const USED = 0.7

const rowOf = (cells) => `| ${cells.join(' | ')} |`
const table = (head, rows) => [rowOf(head), rowOf(head.map(() => '---')), ...rows.map(rowOf)].join('\n')
const figure = (results, text) => {
  const found = results?.figures.find(({ what }) => what.includes(text))
  if (results && !found) throw new Error(`the results have no figure with ${JSON.stringify(text)}`)
  return found
}
const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** A row: what a core does, and how many of them a hundred requests a second take. */
function capacity(what, perSecond, cores) {
  if (perSecond === undefined) return [what, NOT_YET, '', '']
  const perCore = perSecond / cores
  return [what, number(perCore), number(100 / (USED * perCore)), number(1e6 / (perCore * 3600 * USED))]
}

/**
 * @param {{ onnxNode: object, libtorch: object, server: object | null, soak: object | null }} results - parsed `results/*.json`
 * @returns {string} Markdown
 */
export function guideTables({ onnxNode, libtorch, server, soak }) {
  const raw = figure(onnxNode, 'throughput of 8 callers')
  const torch = figure(libtorch, 'throughput of 8 callers, Node / 8 Python threads: ResNet-18')
  const tiny = figure(server, 'tiny MLP, JSON, 32 clients: requests/s against MLServer')
  const large = figure(server, '8 clients: requests/s against MLServer')
  const binary = figure(server, 'binary tensors')
  const upload = figure(server, 'JPEG upload to a ResNet-18, onnx-node, 8 clients')
  const wait = figure(server, 'p99 / p50')
  const cores = (results) => results?.machine.cores
  const rows = [
    capacity('the network alone: a ResNet-18’s cost, onnx-node', raw.medians.ours, cores(onnxNode)),
    capacity('the network alone: ResNet-18, backend-libtorch', torch.medians.Node, cores(libtorch)),
    capacity('served: JPEG to a ResNet-18, onnx-node, 8 clients', upload?.medians['onnx-node'], cores(server)),
    capacity('served: 16,384 numbers of JSON back, 8 clients', large?.medians.ours, cores(server)),
    capacity('served: the same as binary tensors', binary?.medians.binary, cores(server)),
    capacity('served: a tiny network, JSON, 32 clients', tiny?.medians.ours, cores(server)),
  ]
  const head = ['what', 'requests/s a core', 'cores for 100 requests/s', 'core-hours for a million requests']
  const drift = figure(soak, 'resident memory')
  const facts = [
    `- p99 / p50 at 70 % of the highest load: ${wait ? `${number(wait.value)} (${wait.note})` : NOT_YET}`,
    `- resident memory over a long load: ${drift ? `${number(drift.value)} % drift (${drift.note})` : NOT_YET}`,
  ]
  return `${table(head, rows)}\n\n${facts.join('\n')}`
}

/** The guide with its figures replaced. */
export function withFigures(guide, tables) {
  const start = guide.indexOf(BEGIN)
  const end = guide.indexOf(END)
  if (start < 0 || end < start) throw new Error('the guide has no place for its figures')
  return `${guide.slice(0, start + BEGIN.length)}\n\n${tables}\n\n${guide.slice(end)}`
}
