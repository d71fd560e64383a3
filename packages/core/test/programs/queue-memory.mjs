// node --expose-gc queue-memory.mjs queue|signal: fills and empties a queue of 1 kB things, and prints V8's old space before and after.
import v8 from 'node:v8'
import { Queue, withCallOptions } from '@tensorferry/core'

// No full collection comes by itself.
v8.setFlagsFromString('--heap-growing-percent=10000')
const oldSpace = () => v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space').space_used_size
const turn = () => new Promise(setImmediate)
const thing = () => ({ numbers: new Array(100).fill(1.5) })

const queue = new Queue()
const { signal } = new AbortController()
// One that never ends, so that the signal's calls are never all gone.
void withCallOptions({ signal }, () => new Promise(() => undefined))
const WORK = {
  queue() {
    const places = Array.from({ length: 16 }, () => queue.add(thing()))
    for (const place of places.slice(8)) queue.remove(place)
    while (queue.size > 0) queue.take()
  },
  signal: () => Promise.all(Array.from({ length: 16 }, () => withCallOptions({ signal }, async () => thing()))),
}
const work = WORK[process.argv[2]]

async function turns(count) {
  for (let number = 0; number < count; number++) {
    await work()
    if (number % 16 === 0) await turn()
  }
}

await turns(1000)
queue.add('one that was there when all was collected')
gc()
gc()
const before = oldSpace()
await turns(2000)
console.log(JSON.stringify({ before, after: oldSpace() }))
