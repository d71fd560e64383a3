// A field for each thing that a model takes: a grid of few numbers, nested arrays of many, a file of a picture.
const MOST_CELLS = 128
const MOST_COLUMNS = 16
const SPECIAL = ['NaN', 'Infinity', '-Infinity']

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** A value of a cell as JSON has it; digits that a number would round stay a text. */
function readCell(text, datatype, where) {
  const value = text.trim()
  if (datatype === 'BYTES') return text
  if (datatype === 'BOOL') return value === 'true'
  if (SPECIAL.includes(value)) return value
  const number = Number(value)
  if (value === '' || Number.isNaN(number)) throw new Error(`${where}: expected a number, got “${text}”`)
  if (/^U?INT/.test(datatype) && !Number.isSafeInteger(number)) {
    if (/^-?\d+$/.test(value)) return value
    throw new Error(`${where}: expected a whole number, got “${text}”`)
  }
  return number
}

function cellOf(value, datatype, label) {
  if (datatype === 'BOOL') {
    const select = element('select', { 'aria-label': label }, new Option('false', 'false'), new Option('true', 'true'))
    select.value = String(value === true || value === 1)
    return select
  }
  const input = element('input', { type: 'text', 'aria-label': label, autocomplete: 'off', spellcheck: 'false' })
  if (datatype !== 'BYTES') input.inputMode = 'decimal'
  input.value = typeof value === 'number' ? String(Number(value.toPrecision(7))) : String(value)
  return input
}

/** Rows and columns of inputs: axes before the last are one row after the other. */
function gridField({ name, datatype }, { shape, data }, canGrow) {
  const columns = shape.at(-1) ?? 1
  const table = element('table', { class: 'grid' })
  const cells = []
  const addRow = (values) => {
    const line = cells.length
    const row = values.map((value, column) => cellOf(value, datatype, `${name}, row ${line}, column ${column}`))
    cells.push(row)
    table.append(element('tr', {}, ...row.map((cell) => element('td', {}, cell))))
  }
  for (let start = 0; start < data.length; start += columns) addRow(data.slice(start, start + columns))
  const children = [element('div', { class: 'scroll' }, table)]
  if (canGrow) {
    const button = element('button', { type: 'button', class: 'small plain' }, 'Add a row')
    button.addEventListener('click', () => addRow(cells.at(-1).map((cell) => cell.value)))
    children.push(button)
  }
  const read = () => ({
    shape: canGrow ? [cells.length, ...shape.slice(1)] : shape,
    data: cells.flatMap((row, line) =>
      row.map((cell, column) => readCell(cell.value, datatype, `${name}, row ${line}, column ${column}`)),
    ),
  })
  return { children, read }
}

function nest(data, shape) {
  if (shape.length <= 1) return shape.length === 0 ? data[0] : data
  const size = shape.slice(1).reduce((product, one) => product * one, 1)
  return Array.from({ length: shape[0] }, (_, index) =>
    nest(data.slice(index * size, (index + 1) * size), shape.slice(1)),
  )
}

function textField({ name }, value, expected) {
  const area = element('textarea', { rows: '8', spellcheck: 'false', 'aria-label': `${name} as nested arrays` })
  // Innermost arrays on a line of their own.
  if (value) area.value = JSON.stringify(nest(value.data, value.shape)).replaceAll('],[', '],\n[')
  else area.placeholder = `nested arrays, shape ${expected}`
  const read = () => {
    let nested
    try {
      nested = JSON.parse(area.value)
    } catch (error) {
      throw new Error(`${name}: expected nested arrays of numbers, ${error.message}`)
    }
    const shape = []
    for (let level = nested; Array.isArray(level); level = level[0]) shape.push(level.length)
    return { shape, data: Array.isArray(nested) ? nested.flat(Number.POSITIVE_INFINITY) : [nested] }
  }
  return { children: [area], read }
}

function tensorField(spec, example, metadata) {
  const shape = metadata?.shape
  const expected = shape ? `[${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]` : ''
  const columns = example?.shape.at(-1) ?? 1
  const isSmall = example && example.data.length > 0 && example.data.length <= MOST_CELLS && columns <= MOST_COLUMNS
  const canGrow = isSmall && example.shape.length === 2 && shape?.[0] === -1
  const { children, read } = isSmall ? gridField(spec, example, canGrow) : textField(spec, example, expected)
  return { hint: `${spec.datatype}${expected}`, children, read }
}

async function base64Of(file) {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  for (let start = 0; start < bytes.length; start += 32_768) {
    text += String.fromCharCode(...bytes.subarray(start, start + 32_768))
  }
  return btoa(text)
}

function pictureField({ name }, example) {
  const file = element('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp', 'aria-label': name })
  const read = async () => {
    if (file.files[0]) return base64Of(file.files[0])
    if (example) return example
    throw new Error(`${name}: choose a picture`)
  }
  return { hint: example ? 'a picture; without one the example is sent' : 'a picture', children: [file], read }
}

/**
 * Fields for a model.
 *
 * @param example - as the server's `example` says
 * @param metadata - of the model
 * @returns elements, and what reads them: the path and body of a request
 */
export function fieldsOf(example, metadata) {
  const inputs = new Map((example.infer?.inputs ?? []).map((input) => [input.name, input]))
  const described = new Map(metadata.inputs.map((input) => [input.name, input]))
  const fields = example.takes.map((spec) => ({
    spec,
    ...(spec.kind === 'image'
      ? pictureField(spec, example.predict?.[spec.name])
      : tensorField(spec, inputs.get(spec.name), described.get(spec.name))),
  }))
  const elements = fields.map(({ spec, hint, children }) =>
    element(
      'fieldset',
      {},
      element('legend', {}, spec.name, ' ', element('span', { class: 'quiet' }, hint)),
      ...children,
    ),
  )
  const isTensors = fields.every(({ spec }) => spec.kind === 'input')
  const read = async () => {
    const values = await Promise.all(fields.map(async (field) => [field.spec, await field.read()]))
    const name = encodeURIComponent(metadata.name)
    if (!isTensors) {
      return { path: `predict/${name}`, body: Object.fromEntries(values.map(([spec, value]) => [spec.name, value])) }
    }
    const inputs = values.map(([{ name: input, datatype }, value]) => ({ name: input, datatype, ...value }))
    return { path: `v2/models/${name}/infer`, body: { inputs } }
  }
  return { elements, read }
}
