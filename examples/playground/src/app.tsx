import { DropTarget } from './components/drop-target.tsx'
import { InputCard } from './components/input-card.tsx'
import { ModelCard } from './components/model-card.tsx'
import { ReportCard } from './components/report-card.tsx'
import { ResultCard } from './components/result-card.tsx'
import { SameNumbersCard } from './components/same-numbers-card.tsx'
import { StagesCard } from './components/stages-card.tsx'
import { TimingCard } from './components/timing-card.tsx'
import { announcement } from './state/announce.ts'

/** The page below its head. */
export function App() {
  return (
    <>
      <p class="unseen" aria-live="polite" id="announcement">
        {announcement.value}
      </p>
      <ModelCard />
      <div class="two">
        <InputCard />
        <ResultCard />
      </div>
      <StagesCard />
      <TimingCard />
      <div class="two">
        <SameNumbersCard />
        <ReportCard />
      </div>
      <DropTarget />
    </>
  )
}
