// The page: asks what models there are and what they take, sends it, shows what comes back. Addresses are relative to the page,
// so that it works behind a proxy with a prefix. Text only ever goes in as text.
import { fieldsOf } from './fields.js'
import { shortText, tablesOf } from './results.js'

const find = (id) => document.getElementById(id)
const [form, model, about, file, send, status, key, drop, fields, exampleButton] = [
  'form',
  'model',
  'about',
  'file',
  'send',
  'status',
  'key',
  'drop',
  'fields',
  'example',
].map(find)
const OUTCOMES = ['after-figure', 'tables', 'raw']
const CURL_BODY = 600
let picture = null
/** Of the model that is chosen: what it takes, and how the fields are read. */
let example = null
let readFields = null
let sentBody = null
/** JSON of the example, where it is what was chosen: who copies the line for curl has no file of it. */
let exampleText = null
const urls = []

function say(text, isBad = false) {
  status.textContent = text
  status.classList.toggle('bad', isBad)
}

function urlOf(blob) {
  const url = URL.createObjectURL(blob)
  urls.push(url)
  return url
}

function ask(path, init = {}) {
  const headers = key.value ? { 'x-api-key': key.value, ...init.headers } : { ...init.headers }
  return fetch(new URL(path, document.baseURI), { ...init, headers })
}

async function failureOf(response) {
  const text = await response.text()
  try {
    return JSON.parse(text).error ?? text
  } catch {
    return text
  }
}

function hideOutcomes() {
  for (const id of OUTCOMES) find(id).hidden = true
}

async function loadModels() {
  const response = await ask('v2/repository/index', { method: 'POST' })
  find('key-row').hidden = response.status !== 401 && !key.value
  if (!response.ok) throw new Error(await failureOf(response))
  const entries = await response.json()
  const ready = [...new Set(entries.filter(({ state }) => state === 'READY').map(({ name }) => name))]
  model.replaceChildren(...ready.map((name) => new Option(name, name)))
  const refused = entries
    .filter(({ state }) => state === 'UNAVAILABLE')
    .map(({ name, version }) => `${name} ${version}`)
  if (ready.length === 0) say('No model is ready yet.')
  else if (refused.length > 0) say(`Not ready: ${refused.join(', ')}.`)
  if (ready.length > 0) await describe()
}

async function describe() {
  const address = `v2/models/${encodeURIComponent(model.value)}`
  const [described, exampled] = await Promise.all([ask(address), ask(`${address}/example`)])
  if (!described.ok || !exampled.ok) return
  const metadata = await described.json()
  if (metadata.name !== model.value) return
  const { platform, versions, inputs, outputs } = metadata
  const list = (tensors) => tensors.map(({ name, datatype, shape }) => `${name} ${datatype}[${shape}]`).join(', ')
  about.textContent = `${versions.join(', ')} · ${platform} · ${list(inputs)} → ${list(outputs)}`
  example = await exampled.json()
  const isPicture = example.takes.length === 1 && example.takes[0].kind === 'image'
  drop.hidden = !isPicture
  fields.hidden = isPicture
  exampleButton.hidden = !isPicture || !example.predict
  find('before-figure').hidden = !isPicture || !picture
  sentBody = null
  if (isPicture) {
    readFields = null
    exampleText = null
    fields.replaceChildren()
    send.hidden = !picture
    send.textContent = 'Run again'
  } else {
    const made = fieldsOf(example, metadata)
    fields.replaceChildren(...made.elements)
    readFields = made.read
    send.hidden = false
    send.textContent = 'Run'
  }
  showCommand()
}

function choose(chosen, isExample = false) {
  if (!chosen) return
  if (!isExample) exampleText = null
  picture = chosen
  for (const url of urls.splice(0)) URL.revokeObjectURL(url)
  find('before-figure').hidden = false
  find('before').src = urlOf(picture)
  hideOutcomes()
  find('outcome').hidden = false
  showCommand()
  run()
}

function useExample() {
  const [name, text] = Object.entries(example.predict)[0]
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  exampleText = JSON.stringify(example.predict)
  choose(new File([bytes], `example-${name}`), true)
}

function showCommand() {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`
  const withKey = key.value ? " -H 'X-API-Key: …'" : ''
  const urlTo = (path) => quote(new URL(path, document.baseURI).href)
  if (readFields) {
    const text = sentBody ? JSON.stringify(sentBody.body) : null
    const data = text && text.length <= CURL_BODY ? quote(text) : '@request.json'
    find('curl').textContent = text ? `curl${withKey} --data ${data} ${urlTo(sentBody.path)}` : ''
    find('command').hidden = !text
    return
  }
  const name = quote(picture?.name || 'picture.png')
  // An image on a terminal is noise, which curl refuses to show.
  const output = find('after-figure').hidden ? '' : ` --output ${quote(find('save').download)}`
  const address = urlTo(`predict/${encodeURIComponent(model.value)}`)
  const isShort = exampleText && exampleText.length <= CURL_BODY
  const data = isShort ? `--data ${quote(exampleText)}` : `--data-binary @${name}`
  find('curl').textContent = `curl${withKey}${output} ${data} ${address}`
  find('command').hidden = !model.value
}

async function show(response) {
  const type = response.headers.get('content-type') ?? ''
  hideOutcomes()
  find('outcome').hidden = false
  if (type.startsWith('image/')) {
    const url = urlOf(await response.blob())
    find('after').src = url
    find('save').href = url
    find('save').download = `${model.value}.${type.slice(6)}`
    find('after-figure').hidden = false
    return
  }
  const text = await response.text()
  const tables = tablesOf(JSON.parse(text))
  find('tables').replaceChildren(...tables)
  find('tables').hidden = tables.length === 0
  find('json').textContent = shortText(text)
  find('raw').hidden = false
  find('raw').open = tables.length === 0
}

/** What is sent now, in words and as a request. */
async function requestOf() {
  if (readFields) {
    const { path, body } = await readFields()
    sentBody = { path, body }
    return { what: 'the request', path, body: JSON.stringify(body), type: 'application/json' }
  }
  const size = `${Math.ceil(picture.size / 1024)} kB`
  return {
    what: `${picture.name || 'the picture'}, ${size}`,
    path: `predict/${encodeURIComponent(model.value)}`,
    body: picture,
    type: 'application/octet-stream',
  }
}

async function run() {
  if (!model.value || !(readFields || picture)) return
  const sent = readFields ?? picture
  const isStale = () => sent !== (readFields ?? picture)
  send.hidden = false
  send.disabled = true
  const start = performance.now()
  try {
    const { what, path, body, type } = await requestOf()
    say(`Running ${what}…`)
    const headers = { accept: 'image/png, application/json;q=0.9', 'content-type': type }
    const response = await ask(path, { method: 'POST', headers, body })
    // Another one was chosen meanwhile: its answer is what counts.
    if (isStale()) return
    if (!response.ok) throw new Error(await failureOf(response))
    await show(response)
    showCommand()
    say(`Done in ${Math.round(performance.now() - start)} ms, the network included.`)
  } catch (error) {
    say(error.message, true)
  } finally {
    send.disabled = false
  }
}

// What the browser cannot show either is told by the server's words alone.
find('before').addEventListener('error', () => {
  find('before-figure').hidden = true
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  run()
})
model.addEventListener('change', async () => {
  hideOutcomes()
  await describe()
  if (!readFields) run()
})
file.addEventListener('change', () => choose(file.files[0]))
exampleButton.addEventListener('click', useExample)
key.addEventListener('change', () => loadModels().catch((error) => say(error.message, true)))
for (const type of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(type, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', type === 'dragover')
    if (type === 'drop') choose(event.dataTransfer.files[0])
  })
}
addEventListener('paste', (event) => {
  if (drop.hidden) return
  const pasted = [...event.clipboardData.files].find(({ type }) => type.startsWith('image/'))
  if (pasted) choose(pasted)
})
find('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(find('curl').textContent)
  say('Copied.')
})
loadModels().catch((error) => say(error.message, true))
