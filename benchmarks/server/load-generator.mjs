// A process of its own that sends HTTP requests: raw sockets, so that it costs less than what it measures.
// One JSON command a line on standard input, one JSON answer a line on standard output.
import { createInterface } from 'node:readline'
import { Connection } from './connection.mjs'

/** A millisecond in which this process uses no core: who waits for the next request must not slow the server down. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

const request = ({ port, path, headers, body }) => {
  const content = Buffer.from(body, 'base64')
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers, 'Content-Length': content.length })
  const head = `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head), content])
}

/** Clients that each wait for their reply before they send again. */
async function closedLoop({ target, clients, milliseconds }) {
  const bytes = request(target)
  const end = performance.now() + milliseconds
  const begin = performance.now()
  let done = 0
  let failed = 0
  const client = async () => {
    const connection = new Connection(target.port)
    while (performance.now() < end) {
      const isRight = await connection.send(bytes).then(
        ({ status, body }) => status === 200 && body.length >= target.least,
        () => false,
      )
      if (isRight) done++
      else failed++
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { perSecond: (1000 * done) / (performance.now() - begin), done, failed }
}

/** The first requests of a window compile this program's own code: they are sent, not counted. */
const WARM_UP_MS = 1000

/**
 * Requests at fixed times (those of a millisecond together) over so many connections, as wrk2 sends them: waiting counts
 * from when a request was due, that for a free connection included.
 */
async function openLoop({ target, perSecond, milliseconds, clients }) {
  const bytes = request(target)
  const connections = Array.from({ length: clients }, () => new Connection(target.port))
  // Each is open before the first request is due: opening them is not what is timed.
  await Promise.all(connections.map((connection) => connection.send(bytes)))
  const idle = [...connections]
  const due = []
  const latencies = []
  const reasons = {}
  let failed = 0
  const fail = (reason) => {
    failed++
    // It counts as slower than all others.
    latencies.push(Number.POSITIVE_INFINITY)
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  let inWork = 0
  let onDone = null
  /** Sends what is due over one connection, one request after the other, until nothing is. */
  const work = async (connection, first) => {
    inWork++
    for (let since = first; since !== undefined; since = due.shift()) {
      try {
        const { status } = await connection.send(bytes)
        if (status !== 200) fail(status)
        else if (since >= counted) latencies.push(performance.now() - since)
      } catch (error) {
        fail(error.code ?? error.message)
      }
    }
    idle.push(connection)
    if (--inWork === 0) onDone?.()
  }
  const begin = performance.now()
  const counted = begin + WARM_UP_MS
  const total = Math.floor((perSecond * (WARM_UP_MS + milliseconds)) / 1000)
  for (let number = 0; number < total; ) {
    const time = begin + (1000 * number) / perSecond
    if (performance.now() < time) {
      await tick()
      continue
    }
    number++
    const connection = idle.shift()
    if (connection) void work(connection, time)
    else due.push(time)
  }
  if (inWork > 0) await new Promise((resolve) => (onDone = resolve))
  for (const connection of connections) connection.close()
  latencies.sort((a, b) => a - b)
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]
  return { p50: at(0.5), p99: at(0.99), done: latencies.length - failed, failed, reasons }
}

const ABORT_EVERY = 53
const BAD_EVERY = 71
/** More are not sent at once: the queue of the server is not what is tried here. */
const MOST_AT_ONCE = 64

/** Requests at fixed times whose replies are all looked at; among them some that break off, and some that are wrong. */
async function checkedLoop({ target, bodies, expected, perSecond, milliseconds }) {
  const requests = bodies.map((body) => request({ ...target, body }))
  const bad = request({
    ...target,
    body: Buffer.from('{"inputs":[{"name":"x","datatype":"FP32","shape":[1,9]').toString('base64'),
  })
  const counts = { right: 0, wrong: 0, lost: 0, refused: 0, aborted: 0 }
  const reasons = {}
  const lose = (reason) => {
    counts.lost++
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  const idle = []
  const answers = []
  const begin = performance.now()
  const total = Math.floor((perSecond * milliseconds) / 1000)

  const ask = async (number) => {
    const connection = idle.pop() ?? new Connection(target.port)
    if (number % ABORT_EVERY === 0) {
      connection.send(requests[0]).catch(() => undefined)
      await new Promise(setImmediate)
      connection.close()
      counts.aborted++
      return
    }
    const isBad = number % BAD_EVERY === 0
    try {
      const { status, body } = await connection.send(isBad ? bad : requests[number % requests.length])
      idle.push(connection)
      if (isBad) counts[status === 400 ? 'refused' : 'wrong']++
      else if (status !== 200) lose(status)
      else {
        const row = JSON.parse(body).outputs[0].data
        const right = expected[number % requests.length]
        counts[
          row.length === right.length && row.every((value, at) => Math.abs(value - right[at]) < 1e-4)
            ? 'right'
            : 'wrong'
        ]++
      }
    } catch (error) {
      lose(error.code ?? error.message)
    }
  }
  let inWork = 0
  for (let number = 0; number < total; ) {
    if (inWork >= MOST_AT_ONCE || performance.now() < begin + (1000 * number) / perSecond) {
      await tick()
      continue
    }
    inWork++
    answers.push(
      ask(++number).finally(() => {
        inWork--
      }),
    )
  }
  await Promise.all(answers)
  for (const connection of idle) connection.close()
  return { ...counts, reasons }
}

async function once({ target }) {
  const connection = new Connection(target.port)
  const { status, body } = await connection.send(request(target))
  connection.close()
  return { status, body: body.toString('base64') }
}

const COMMANDS = { checkedLoop, closedLoop, openLoop, once }

process.stdout.write('{}\n')
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line)
  const answer = await COMMANDS[command](options).catch((error) => ({ error: error.message }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
