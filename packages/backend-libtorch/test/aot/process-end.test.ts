import { expect, test } from 'vitest'
import { DELAYS, end, WAYS } from '../end-under-load.ts'
import { describeWithPackages } from '../environment.ts'
import { packagePath } from './package-file.ts'

describeWithPackages('the process ends without an abort while compiled models run', () => {
  test.each(WAYS)('%s', async (how, code) => {
    for (const delay of DELAYS) {
      const { output, ...rest } = await end(how, delay, packagePath('kit-slow'))
      expect({ ...rest, delay, output: how === 'throw' ? '' : output }).toEqual({
        code,
        signal: null,
        delay,
        output: '',
      })
      expect(output).not.toMatch(/terminate called/)
    }
  })

  test('an idle session does not keep the process alive, a run in progress does', async () => {
    expect(await end('idle', 0, packagePath('kit-slow'))).toEqual({ code: 0, signal: null, output: 'ran\n' })
    expect(await end('pending', 0, packagePath('kit-slow'))).toEqual({ code: 0, signal: null, output: 'ran\n' })
  })
})
