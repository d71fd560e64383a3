import { expect, test } from 'vitest'
import { DELAYS, end, WAYS } from './end-under-load.ts'
import { describeWithLibtorch } from './environment.ts'
import { load } from './model-file.ts'

describeWithLibtorch('the process ends without an abort', () => {
  test.each(WAYS)('%s', async (how, code) => {
    for (const delay of DELAYS) {
      const { output, ...rest } = await end(how, delay)
      expect({ ...rest, delay, output: how === 'throw' ? '' : output }).toEqual({
        code,
        signal: null,
        delay,
        output: '',
      })
      expect(output).not.toMatch(/terminate called|Napi::Error/)
    }
  })

  test('an idle session does not keep the process alive', async () => {
    expect(await end('idle')).toEqual({ code: 0, signal: null, output: 'ran\n' })
  })

  test('a run in progress does', async () => {
    expect(await end('pending')).toEqual({ code: 0, signal: null, output: 'ran\n' })
  })

  test('one listener for the whole process, only while there are sessions', async () => {
    const before = process.listenerCount('exit')
    const sessions = await Promise.all([load('mlp-10-10'), load('mlp-10-10')])
    expect(process.listenerCount('exit')).toBe(before + 1)
    await Promise.all(sessions.map((session) => session.dispose()))
    expect(process.listenerCount('exit')).toBe(before)
  })
})
