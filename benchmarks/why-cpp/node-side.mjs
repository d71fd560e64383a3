// The same in Node, with the backend: node node-side.mjs JSON, driven as main.cc is. Sessions have native threads of their own,
// so a pool of threads is four sessions in turns; gradients cannot be switched on.
import { createInterface } from 'node:readline'
import { modelFacts, openSession } from '../libtorch/session.mjs'

const { folder, name, threads, cause } = JSON.parse(process.argv[2])
const { inputs } = modelFacts(folder, name)
const oversubscribed = cause === 'oversubscribed'
const options = { warmup: 0, ...(oversubscribed && { waitForCores: false }) }
const open = () => openSession({ folder, name, format: 'torchscript', threads, options })
const sessions = [await open()]
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

const first = []
for (let i = 0; i < 12; i++) {
  const start = performance.now()
  await sessions[0].run(inputs)
  first.push(performance.now() - start)
}
if (cause === 'pool' || oversubscribed) {
  for (let i = 1; i < 4; i++) sessions.push(await open())
  for (const session of sessions) for (let i = 0; i < 5; i++) await session.run(inputs)
}
answer({ first })

let turn = 0
async function runs(session, each) {
  for (let i = 0; i < each; i++) await session().run(inputs)
}
const next = () => sessions[turn++ % sessions.length]

for await (const line of createInterface({ input: process.stdin })) {
  const { calls, each } = JSON.parse(line)
  const samples = []
  for (let i = 0; i < calls; i++) {
    const start = performance.now()
    if (oversubscribed) await Promise.all(sessions.map((session) => runs(() => session, each)))
    else await runs(next, each)
    samples.push((performance.now() - start) / each / (oversubscribed ? sessions.length : 1))
  }
  answer(samples)
}
await Promise.all(sessions.map((session) => session.dispose()))
