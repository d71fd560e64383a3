import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Artifact, TensorferryError, tensor } from '@tensorferry/core'
import { libtorch } from '../backend.ts'
import { packageFolder } from '../build/package-folder.ts'

/** Convolutions on a GPU may use TF32, which has 10 bits of mantissa. */
const TOLERANCE = 1e-3
const RUNS = 20

function checkModel(): Artifact {
  const path = join(packageFolder(), 'native', 'check.pt')
  const bytes = async (): Promise<Uint8Array<ArrayBuffer>> => Uint8Array.from(readFileSync(path))
  return {
    name: 'check',
    format: 'torchscript',
    requires: {},
    files: [{ path: 'check.pt', size: null, sha256: null, bytes }],
  }
}

async function run(device: string, named: string | null): Promise<{ output: Float32Array; line: string }> {
  const session = await libtorch({ device, threads: 1, ...(named ? { libtorch: named } : {}) }).createSession({
    artifact: checkModel(),
  })
  try {
    const x = tensor(
      'float32',
      Float32Array.from({ length: 4 * 64 }, (_, index) => Math.sin(index)),
      [4, 1, 8, 8],
    )
    await session.run({ x })
    const begin = performance.now()
    for (let index = 1; index < RUNS; index++) await session.run({ x })
    const { output0 } = await session.run({ x })
    const milliseconds = ((performance.now() - begin) / RUNS).toFixed(3)
    const { libtorch: found } = session.runtime
    const cuda = found.cuda ? `, CUDA ${found.cuda}` : ''
    return {
      output: output0!.data as Float32Array,
      line: `${device}: ${milliseconds} ms a run (libtorch ${found.version}${cuda})`,
    }
  } finally {
    await session.dispose()
  }
}

/**
 * Runs a small model on a device and compares it with the CPU.
 *
 * @returns what to print
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when the device is not there, `VERIFICATION_FAILED` for other numbers
 */
export async function checkDevice(device: string, named: string | null): Promise<string> {
  const cpu = await run('cpu', named)
  const other = device === 'cpu' ? cpu : await run(device, named)
  const difference = Math.max(...cpu.output.map((value, index) => Math.abs(value - other.output[index]!)))
  if (!(difference <= TOLERANCE)) {
    throw new TensorferryError(
      'VERIFICATION_FAILED',
      `${device} differs from cpu by ${difference}, allowed are ${TOLERANCE}`,
      {
        details: { device, difference, tolerance: TOLERANCE },
      },
    )
  }
  const lines = device === 'cpu' ? [cpu.line] : [cpu.line, other.line]
  return [...lines, `largest difference from cpu: ${difference.toExponential(1)}; ok`].join('\n')
}
