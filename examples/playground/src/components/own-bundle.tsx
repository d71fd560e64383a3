import { useState } from 'preact/hooks'
import type { ShownError } from '../model/describe-error.ts'
import { addressError, refuseAddress } from '../state/model-state.ts'
import { startOwn, takeFiles } from '../state/start.ts'
import { ErrorNote } from './error-note.tsx'

/** The URL as core takes it: a folder's ends in `/`. null: it is none. */
function bundleAddress(text: string): string | null {
  const given = text.trim().replace(/\/bundle\.json$/, '/')
  // A sentence is no address, though it would count as a path.
  if (given === '' || /\s/.test(given) || !URL.canParse(given, document.baseURI)) return null
  const url = new URL(given, document.baseURI)
  if (!/\.\w+$|\/$/.test(url.pathname)) url.pathname += '/'
  return /^https?:$/.test(url.protocol) ? url.href : null
}

const NO_ADDRESS: ShownError = {
  code: null,
  message: 'Expected the address of a folder with bundle.json, or of an .onnx file, that begins with https://.',
}

/** A bundle by URL, or a folder. */
export function OwnBundle() {
  const [address, setAddress] = useState('')
  const error = addressError.value
  const submit = (event: Event): void => {
    event.preventDefault()
    const url = bundleAddress(address)
    if (url === null) refuseAddress(NO_ADDRESS)
    else void startOwn({ name: url, source: url })
  }
  return (
    <div class="own">
      <form onSubmit={submit} class="own-url">
        <label for="own-url">Address of a bundle</label>
        <div class="row">
          <input
            id="own-url"
            type="text"
            inputMode="url"
            spellcheck={false}
            autocomplete="off"
            placeholder="https://example.com/models/mine/"
            value={address}
            onInput={({ currentTarget }) => setAddress(currentTarget.value)}
          />
          <button type="submit" class="primary">
            Load
          </button>
        </div>
      </form>
      <p class="own-or">or</p>
      <div>
        <label class="button file-button">
          Open a folder
          <input
            type="file"
            class="unseen"
            multiple
            {...{ webkitdirectory: true }}
            onChange={({ currentTarget }) => {
              if (currentTarget.files) void takeFiles(currentTarget.files)
              // The same folder again is a choice too.
              currentTarget.value = ''
            }}
          />
        </label>
        <p class="soft small">or drop it anywhere on the page. It is read here and sent nowhere.</p>
      </div>
      {error ? <ErrorNote title="No bundle’s address" error={error} /> : null}
    </div>
  )
}
