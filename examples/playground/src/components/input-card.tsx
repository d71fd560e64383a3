import { useState } from 'preact/hooks'
import { EXAMPLES } from '../model/example-pictures.ts'
import { modelChoice } from '../state/model-state.ts'
import { giveExample, givePicture, inputView, runError } from '../state/run-state.ts'
import { Camera } from './camera.tsx'
import { Card } from './card.tsx'
import { DrawPad } from './draw-pad.tsx'
import { ErrorNote } from './error-note.tsx'
import { Pixels } from './pixels.tsx'

function Examples() {
  const choice = modelChoice.value
  const examples = EXAMPLES[choice]
  return (
    <fieldset class={`examples ${choice}`} aria-label={choice === 'digits' ? 'Example digits' : 'Example pictures'}>
      {examples.map(({ name, url }) => (
        <button type="button" key={url} class="example" onClick={() => void giveExample(url)}>
          <img src={url} alt="" width="48" height={choice === 'digits' ? 48 : 32} />
          <span>{name}</span>
        </button>
      ))}
    </fieldset>
  )
}

function Preview() {
  const stage = inputView.value
  if (!stage?.picture) {
    return (
      <div class="empty">
        <p>Drop a picture anywhere, paste one, or choose one below.</p>
      </div>
    )
  }
  const { picture, options } = stage
  return (
    <figure class="preview">
      <Pixels picture={picture} label={`The input, ${picture.width} by ${picture.height} pixels`} />
      <figcaption>
        {picture.width} × {picture.height} pixels{options ? `; ${options}` : ''}
      </figcaption>
    </figure>
  )
}

/** What goes into the model. */
export function InputCard() {
  const [isCameraOn, setCamera] = useState(false)
  const isDrawn = modelChoice.value === 'digits'
  return (
    <Card id="input" title="Input">
      {isCameraOn ? <Camera onEnd={() => setCamera(false)} /> : isDrawn ? <DrawPad /> : <Preview />}
      {runError.value ? <ErrorNote title="This input does not work" error={runError.value} /> : null}
      <p class="label">{isDrawn ? 'Or take one that the network has not seen' : 'Examples'}</p>
      <Examples />
      <div class="row">
        <label class="button file-button">
          Choose a picture
          <input
            type="file"
            class="unseen"
            accept="image/*"
            onChange={({ currentTarget }) => {
              const [file] = currentTarget.files ?? []
              if (file) void givePicture(file)
              // The same file again is a choice too.
              currentTarget.value = ''
            }}
          />
        </label>
        <button type="button" aria-pressed={isCameraOn} onClick={() => setCamera(!isCameraOn)}>
          Camera
        </button>
        <span class="soft small hint">or drop or paste one</span>
      </div>
    </Card>
  )
}
