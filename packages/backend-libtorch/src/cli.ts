import { TensorferryError } from '@tensorferry/core'
import { buildAddon } from './build/build-addon.ts'
import { HELP, parseArguments } from './command/arguments.ts'
import { checkDevice } from './command/check-device.ts'
import { findLibtorch } from './discovery/find-libtorch.ts'
import { doctor, formatDiagnosis } from './doctor.ts'
import { OLDEST_LIBTORCH } from './torchscript/create-torchscript-session.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const { command, libtorch, force, json, device } = parseArguments(process.argv.slice(2))
  switch (command) {
    case 'help':
      return say(HELP)
    case 'doctor': {
      const diagnosis = await doctor(libtorch === null ? {} : { libtorch })
      say(json ? JSON.stringify(diagnosis, null, 2) : formatDiagnosis(diagnosis))
      if (diagnosis.todo.length > 0) process.exitCode = 1
      return
    }
    case 'build': {
      const found = await findLibtorch({ libtorch, oldest: OLDEST_LIBTORCH })
      await buildAddon(found, { force, onProgress: say })
      return
    }
    case 'check':
      return say(await checkDevice(device, libtorch))
  }
}

main().catch((error: unknown) => {
  const text = TensorferryError.is(error) ? `${error.code}: ${error.message}` : String((error as Error)?.stack ?? error)
  process.stderr.write(`${text}\n`)
  process.exitCode = 1
})
