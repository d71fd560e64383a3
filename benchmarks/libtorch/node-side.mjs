// One model in Node, driven as python_side.py is: node node-side.mjs JSON.
import { createInterface } from 'node:readline'
import { modelFacts, openSession } from './session.mjs'

const asked = JSON.parse(process.argv[2])
const session = await openSession(asked)
const { inputs } = modelFacts(asked.folder, asked.name)
for (let i = 0; i < 10; i++) session.runSync(inputs)
for (let i = 0; i < 10; i++) await session.run(inputs)

const sum = ({ y }) => y.data.reduce((total, value) => total + Math.abs(value), 0)
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
answer({ libtorch: session.runtime.libtorch.version, sum: sum(session.runSync(inputs)) })

async function throughput({ callers, calls }) {
  let left = calls
  const call = async () => {
    while (left-- > 0) await session.run(inputs)
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: callers }, call))
  return calls / ((performance.now() - start) / 1000)
}

async function times({ calls, each, how }) {
  const samples = []
  for (let i = 0; i < calls; i++) {
    const start = performance.now()
    if (how === 'sync') for (let n = 0; n < each; n++) session.runSync(inputs)
    else for (let n = 0; n < each; n++) await session.run(inputs)
    samples.push((performance.now() - start) / each)
  }
  return samples
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  answer(await (command.callers ? throughput(command) : times(command)))
}
await session.dispose()
