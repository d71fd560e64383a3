import { type PlotOptions, plot } from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** Okabe and Ito's colours, which people with any colour vision tell apart. */
export const SERIES_COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const

const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A plot as SVG text, drawn without a browser. */
export function drawPlot(options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = plot({
    style: { fontSize: '12px', fontFamily: 'system-ui, sans-serif', color: '#222', background: 'white' },
    grid: true,
    ...options,
    document: document as unknown as Document,
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return svg.outerHTML
}

/** Names of series with their colours, as one line of an SVG. */
function drawLegend(series: readonly string[], y: number): string {
  let x = 60
  return series
    .map((name, index) => {
      const color = SERIES_COLORS[index % SERIES_COLORS.length]
      const entry = `<g><rect x="${x}" y="${y - 9}" width="14" height="4" fill="${color}"/><text x="${x + 20}" y="${y - 3}">${escapeText(name)}</text></g>`
      x += 36 + 7 * name.length
      return entry
    })
    .join('')
}

/** Plots side by side under a title and a legend, as one SVG document. */
export function composeChart(chart: {
  readonly title: string
  readonly subtitle: string
  readonly series: readonly string[]
  readonly plots: readonly string[]
  readonly width: number
  readonly height: number
}): string {
  const { title, subtitle, series, plots, width, height } = chart
  const total = width * plots.length
  const placed = plots.map((svg, index) => svg.replace('<svg ', `<svg x="${index * width}" y="80" `))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${height + 90}" viewBox="0 0 ${total} ${height + 90}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="16" y="24" font-size="16" font-weight="600">${escapeText(title)}</text>`,
    `<text x="16" y="44" fill="#666">${escapeText(subtitle)}</text>`,
    drawLegend(series, 70),
    ...placed,
    '</svg>\n',
  ].join('\n')
}
