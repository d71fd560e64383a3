import { expect, test } from 'vitest'
import { ask, startServer } from '../http/start-server.ts'

test('the process under its usual names, each once, beside each server’s own metrics', async () => {
  const servers = [await startServer(), await startServer()]
  for (const server of servers) {
    const { bytes, headers } = await ask(server, '/metrics')
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    const lines = bytes.toString().split('\n')
    const numberOf = (name: string): number => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1])
    expect(numberOf('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(numberOf('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    expect(numberOf('nodejs_heap_size_used_bytes')).toBeGreaterThan(1_000_000)
    expect(Math.abs(numberOf('process_start_time_seconds') - Date.now() / 1000)).toBeLessThan(86_400)
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_open_fds', 'process_max_fds']) {
      expect(Number.isFinite(numberOf(name)), name).toBe(true)
    }
    expect(lines.find((line) => line.startsWith('nodejs_version_info'))).toContain(`version="${process.version}"`)
    const types = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2])
    expect(new Set(types).size).toBe(types.length)
    expect(types).toContain('tensorferry_model_ready')
  }
})
