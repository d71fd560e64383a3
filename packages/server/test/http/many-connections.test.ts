import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { inferPath, post, startServer } from './start-server.ts'

const COUNT = 10_000
const program = fileURLToPath(new URL('../programs/hold-connections.mjs', import.meta.url))

test('10 000 connections that say nothing take no request away', { timeout: 120_000 }, async (context) => {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString().trim())
  if (limit < COUNT + 500) {
    if (process.env.CI === 'true') throw new Error(`ulimit -n is ${limit}`)
    context.skip(`ulimit -n is ${limit}`)
  }
  const server = await startServer({ maxConnections: COUNT + 100 })
  const before = process.memoryUsage.rss()
  const holder = spawn(process.execPath, [program, server.url, String(COUNT)], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void holder.kill())
  const [said] = await once(holder.stdout, 'data')
  expect(String(said)).toBe('open\n')
  const answers = await Promise.all(Array.from({ length: 50 }, () => post(server, inferPath())))
  expect(answers.map(({ status }) => status)).toEqual(new Array(50).fill(200))
  expect((process.memoryUsage.rss() - before) / COUNT).toBeLessThan(64 * 1024)
})
