// The upload page: asks what models there are, sends a picture, shows what comes back. Text only ever goes in as text.
const find = (id) => document.getElementById(id)
const [form, model, about, file, send, status, key, drop] = [
  'form',
  'model',
  'about',
  'file',
  'send',
  'status',
  'key',
  'drop',
].map(find)
let picture = null
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

function keyHeaders() {
  return key.value ? { 'x-api-key': key.value } : {}
}

async function failureOf(response) {
  const text = await response.text()
  try {
    return JSON.parse(text).error ?? text
  } catch {
    return text
  }
}

async function loadModels() {
  const response = await fetch('/v2/repository/index', { method: 'POST', headers: keyHeaders() })
  find('key-row').hidden = response.status !== 401 && !key.value
  if (!response.ok) throw new Error(await failureOf(response))
  const entries = await response.json()
  const ready = [...new Set(entries.filter(({ state }) => state === 'READY').map(({ name }) => name))]
  model.replaceChildren(...ready.map((name) => new Option(name, name)))
  if (ready.length === 0) say('No model is ready yet.')
  else await describe()
}

async function describe() {
  const response = await fetch(`/v2/models/${encodeURIComponent(model.value)}`, { headers: keyHeaders() })
  if (!response.ok) return
  const { platform, versions, inputs, outputs } = await response.json()
  const list = (tensors) => tensors.map(({ name, datatype, shape }) => `${name} ${datatype}[${shape}]`).join(', ')
  about.textContent = `${versions.join(', ')} · ${platform} · ${list(inputs)} → ${list(outputs)}`
  showCommand()
}

function choose(chosen) {
  if (!chosen) return
  picture = chosen
  for (const url of urls.splice(0)) URL.revokeObjectURL(url)
  find('before-figure').hidden = false
  find('before').src = urlOf(picture)
  for (const id of ['after-figure', 'labels', 'json']) find(id).hidden = true
  find('outcome').hidden = false
  showCommand()
  run()
}

function showCommand() {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`
  const address = `${location.origin}/predict/${encodeURIComponent(model.value)}`
  const name = quote(picture?.name || 'picture.png')
  const withKey = key.value ? " -H 'X-API-Key: …'" : ''
  // An image on a terminal is noise, which curl refuses to show.
  const output = find('after-figure').hidden ? '' : ` --output ${quote(find('save').download)}`
  find('curl').textContent = `curl${withKey}${output} --data-binary @${name} ${quote(address)}`
  find('command').hidden = !model.value
}

function showLabels(labels) {
  const rows = labels.map(({ label, score }) => {
    const row = document.createElement('tr')
    const name = row.insertCell()
    name.textContent = label
    const cell = row.insertCell()
    cell.className = 'score'
    const bar = document.createElement('progress')
    bar.max = 1
    bar.value = Math.min(1, Math.max(0, score))
    bar.setAttribute('aria-hidden', 'true')
    cell.append(bar, ` ${score.toFixed(4)}`)
    return row
  })
  find('labels').tBodies[0].replaceChildren(...rows)
  find('labels').hidden = false
}

async function show(response) {
  const type = response.headers.get('content-type') ?? ''
  for (const id of ['after-figure', 'labels', 'json']) find(id).hidden = true
  if (type.startsWith('image/')) {
    const url = urlOf(await response.blob())
    find('after').src = url
    find('save').href = url
    find('save').download = `${model.value}.${type.slice(6)}`
    find('after-figure').hidden = false
  } else {
    const text = await response.text()
    const result = JSON.parse(text)
    if (Array.isArray(result) && result.every((one) => typeof one?.label === 'string')) showLabels(result)
    else {
      find('json').textContent = text.length > 20000 ? `${text.slice(0, 20000)}…` : text
      find('json').hidden = false
    }
  }
}

async function run() {
  if (!picture || !model.value) return
  const sent = picture
  send.hidden = false
  send.disabled = true
  say(`Running ${sent.name || 'the picture'}, ${Math.ceil(sent.size / 1024)} kB…`)
  const start = performance.now()
  try {
    const response = await fetch(`/predict/${encodeURIComponent(model.value)}`, {
      method: 'POST',
      headers: {
        ...keyHeaders(),
        accept: 'image/png, application/json;q=0.9',
        'content-type': 'application/octet-stream',
      },
      body: sent,
    })
    // Another one was chosen meanwhile: its answer is what counts.
    if (sent !== picture) return
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
  for (const id of ['after-figure', 'labels', 'json']) find(id).hidden = true
  await describe()
  run()
})
file.addEventListener('change', () => choose(file.files[0]))
key.addEventListener('change', () => loadModels().catch((error) => say(error.message, true)))
for (const type of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(type, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', type === 'dragover')
    if (type === 'drop') choose(event.dataTransfer.files[0])
  })
}
addEventListener('paste', (event) => {
  const pasted = [...event.clipboardData.files].find(({ type }) => type.startsWith('image/'))
  if (pasted) choose(pasted)
})
find('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(find('curl').textContent)
  say('Copied.')
})
loadModels().catch((error) => say(error.message, true))
