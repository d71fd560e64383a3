import { render } from 'preact'
import { App } from './app.tsx'
import { ThemeChoice } from './components/theme-choice.tsx'
import { startServiceWorker } from './state/isolation.ts'
import { startPage } from './state/start.ts'

const place = document.getElementById('app')!
place.replaceChildren()
render(<App />, place)
render(<ThemeChoice />, document.getElementById('theme')!)
// After the model: what makes the next visit fast must not slow this one.
void startPage().finally(startServiceWorker)
