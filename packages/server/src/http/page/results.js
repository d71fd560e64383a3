// Results as tables. Text only ever goes in as text.
const MOST_ROWS = 100
const MOST_COLUMNS = 24
const MOST_JSON = 20_000

function element(name, text, attributes = {}) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

function tableOf(caption, head, rows) {
  const table = element('table')
  table.append(element('caption', caption))
  if (head) {
    const row = element('tr')
    row.append(...head.map((text) => element('th', text, { scope: 'col' })))
    const group = element('thead')
    group.append(row)
    table.append(group)
  }
  const body = element('tbody')
  body.append(...rows)
  table.append(body)
  const frame = element('div')
  frame.className = 'scroll'
  frame.append(table)
  return frame
}

function labelsTable(labels, caption = 'Labels') {
  const rows = labels.map(({ label, score }) => {
    const row = element('tr')
    row.append(element('td', label))
    const cell = element('td')
    cell.className = 'score'
    const bar = element('progress', undefined, { 'aria-hidden': 'true', max: '1' })
    bar.value = Math.min(1, Math.max(0, score))
    cell.append(bar, ` ${score.toFixed(4)}`)
    row.append(cell)
    return row
  })
  const frame = tableOf(caption, null, rows)
  frame.firstChild.classList.add('labels')
  return frame
}

function told(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value)
}

function numbersRow(name, values) {
  const row = element('tr')
  row.append(element('th', name, { scope: 'row' }))
  for (const value of values) {
    const cell = element('td', told(value))
    cell.className = 'number'
    row.append(cell)
  }
  return row
}

/** Where a row stands in a tensor of more than two axes: `0, 2`. */
function place(row, sizes) {
  const parts = []
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    parts.unshift(row % sizes[axis])
    row = Math.floor(row / sizes[axis])
  }
  return parts.join(', ')
}

function tensorTable({ name, datatype, shape, data }) {
  const values = data.flat(Number.POSITIVE_INFINITY)
  const caption = `${name} ${datatype}[${shape.join(', ')}]`
  const columns = shape.at(-1) ?? 1
  const lines = columns === 0 ? 0 : values.length / columns
  const notes = []
  let table
  if (lines <= 1) {
    // One row of many numbers is read from top to bottom.
    table = tableOf(
      caption,
      ['index', 'value'],
      values.slice(0, MOST_ROWS).map((value, index) => numbersRow(String(index), [value])),
    )
    if (values.length > MOST_ROWS) notes.push(`${values.length - MOST_ROWS} more values`)
  } else {
    const shown = Math.min(columns, MOST_COLUMNS)
    const head = ['', ...Array.from({ length: shown }, (_, index) => String(index))]
    const rows = Array.from({ length: Math.min(lines, MOST_ROWS) }, (_, line) =>
      numbersRow(place(line, shape.slice(0, -1)), values.slice(line * columns, line * columns + shown)),
    )
    table = tableOf(caption, head, rows)
    if (columns > shown) notes.push(`${columns - shown} more columns`)
    if (lines > MOST_ROWS) notes.push(`${lines - MOST_ROWS} more rows`)
  }
  if (notes.length > 0) {
    const note = element('p', `and ${notes.join(', ')}: all of it is in the reply`)
    note.className = 'quiet'
    table.append(note)
  }
  return table
}

function pictureOf({ width, height, format, data }, caption) {
  const figure = element('figure')
  const image = element('img', undefined, { alt: caption, src: `data:image/${format};base64,${data}` })
  figure.append(image, element('figcaption', `${caption}, ${width} x ${height}`))
  return figure
}

const isLabels = (value) => Array.isArray(value) && value.every((one) => typeof one?.label === 'string')
const isPicture = (value) => typeof value?.data === 'string' && typeof value?.width === 'number'

/** What a reply holds, as tables and pictures. */
export function tablesOf(result, caption = '') {
  if (isLabels(result)) return [labelsTable(result, caption || 'Labels')]
  if (isPicture(result)) return [pictureOf(result, caption || 'result')]
  if (Array.isArray(result?.outputs)) return result.outputs.map(tensorTable)
  if (Array.isArray(result)) return result.flatMap((one, index) => tablesOf(one, `${caption}${index + 1}`))
  if (typeof result === 'object' && result !== null) {
    return Object.entries(result).flatMap(([name, one]) => tablesOf(one, name))
  }
  return []
}

/** The reply itself, cut where it is long. */
export function shortText(text) {
  return text.length > MOST_JSON ? `${text.slice(0, MOST_JSON)}…` : text
}
