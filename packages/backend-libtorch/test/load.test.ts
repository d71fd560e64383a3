import { readFileSync } from 'node:fs'
import { libtorch } from '@tensorferry/backend-libtorch'
import type { Artifact } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { mapError } from '../src/map-error.ts'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'
import { rejection } from './expect-error.ts'
import { artifactOf, fileOf, fixturePath, inMemory, onDisk } from './model-file.ts'
import { writeZip } from './programs/mutate.mjs'

describeWithLibtorch('files that are refused', () => {
  const create = (artifact: Artifact) => libtorch({ libtorch: libtorchRoot }).createSession({ artifact })

  test('a state dict', async () => {
    const error = await rejection(() => create(onDisk('state-dict.pth')), 'FORMAT_UNSUPPORTED')
    expect(error.message).toMatch(
      /a state dict or training checkpoint, which holds no model code; build the module in Python and export that/,
    )
    expect(error.message).toMatch(/model\.load_state_dict\(torch\.load\("weights\.pth"\)\)/)
  })

  test('a file that is gone', async () => {
    await rejection(() => create(onDisk('gone.pt')), 'NOT_FOUND')
  })

  test('a weight that differs from its checksum', async () => {
    const bytes = Buffer.from(readFileSync(fixturePath('mlp-10-10.pt')))
    bytes[bytes.indexOf('data/0') + 'data/0'.length + 5]! ^= 1
    const error = await rejection(() => create(artifactOf(fileOf('mlp.pt', () => bytes))), 'FORMAT_UNSUPPORTED')
    expect(error.message).toMatch(/mlp\.pt is damaged: .*data\/0 differs from its checksum/)
  })

  test('code that this libtorch does not know', async () => {
    const entries = [
      { name: 'm/version', content: Buffer.from('3\n') },
      { name: 'm/constants.pkl', content: Buffer.from([0x80, 2, 0x29, 0x2e]) },
    ]
    await rejection(() => create(artifactOf(fileOf('m.pt', () => writeZip(entries)))), 'FORMAT_UNSUPPORTED')
  })

  test('another format, by its name and by its content', async () => {
    const onnx: Artifact = { ...inMemory('mlp-10-10.pt'), format: 'onnx' }
    expect((await rejection(() => create(onnx), 'BACKEND_INCOMPATIBLE')).message).toMatch(/reads torchscript/)
    await rejection(() => libtorch().createSession({}), 'BACKEND_INCOMPATIBLE')
  })

  test('a torch newer than the one that is there', async () => {
    const artifact: Artifact = { ...onDisk('mlp-10-10.pt'), requires: { torch: '>=99.1' } }
    expect((await rejection(() => create(artifact), 'BACKEND_INCOMPATIBLE')).message).toMatch(
      /needs torch >=99.1, the libtorch in .* is/,
    )
  })

  test('a device that is not there', async () => {
    const device = process.platform === 'darwin' ? 'cuda' : 'mps'
    const backend = libtorch({ libtorch: libtorchRoot, device })
    const error = await rejection(
      () => backend.createSession({ artifact: onDisk('mlp-10-10.pt') }),
      'BACKEND_UNAVAILABLE',
    )
    expect(error.details).toMatchObject({ device })
    for (const part of ['driver', 'build', 'hint']) expect(error.details[part]).toEqual(expect.any(String))
  })

  test('an aborted load leaves nothing behind', async () => {
    const controller = new AbortController()
    const loading = libtorch({ libtorch: libtorchRoot }).createSession(
      { artifact: onDisk('mlp-10-10.pt') },
      { signal: controller.signal },
    )
    controller.abort()
    await rejection(() => loading, 'ABORTED')
  })
})

describe('texts of libtorch', () => {
  test.each<[string, 'load' | 'run' | 'start', string, RegExp]>([
    [
      "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000 bytes. Error code 12",
      'run',
      'OUT_OF_MEMORY',
      /4000000000000 bytes/,
    ],
    ['CUDA out of memory. Tried to allocate 2.00 GiB', 'run', 'OUT_OF_MEMORY', /smaller inputs/],
    [
      'Attempted to read a PyTorch file with version 99, but the maximum supported version for reading is 10.',
      'load',
      'FORMAT_UNSUPPORTED',
      /version 99, this libtorch reads up to 10/,
    ],
    [
      '\nUnknown builtin op: torchvision::nms.\nCould not find any similar ops to torchvision::nms.',
      'load',
      'FORMAT_UNSUPPORTED',
      /uses torchvision::nms/,
    ],
    ['/x/torchscript.node: undefined symbol: _ZN3c10', 'start', 'BACKEND_UNAVAILABLE', /lacks _ZN3c10.*build --force/],
    [
      'libopenblas.so.0: cannot open shared object file: No such file or directory',
      'start',
      'BACKEND_UNAVAILABLE',
      /needs libopenblas.so.0/,
    ],
    ['something new', 'run', 'RUNTIME_FAILED', /something new/],
  ])('%s', (text, stage, code, message) => {
    const error = mapError(new Error(text), stage)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect((error.cause as Error).message).toBe(text)
  })

  test('a trace loses the paths of the machine that exported the model', () => {
    const text = [
      'The following operation failed in the TorchScript interpreter.',
      'Traceback of TorchScript, serialized code (most recent call last):',
      '  File "code/__torch__/net.py", line 3, in forward',
      '    return torch.reshape(x, [3])',
      'Traceback of TorchScript, original code (most recent call last):',
      '  File "/srv/project/net.py", line 7, in forward',
      '        return x.reshape(3)',
      '               ~~~~~~~~~ <--- HERE',
      '  File "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 9, in _call',
      "RuntimeError: shape '[3]' is invalid for input of size 2",
    ].join('\n')
    const error = mapError(new Error(text), 'run')
    expect(error.message).toBe(
      [
        "libtorch failed while it ran the model: RuntimeError: shape '[3]' is invalid for input of size 2",
        '  File "net.py", line 7, in forward',
        '        return x.reshape(3)',
        '               ~~~~~~~~~ <--- HERE',
        '  File "torch/nn/modules/module.py", line 9, in _call',
      ].join('\n'),
    )
    expect(JSON.stringify(error.details)).not.toMatch(/home|opt/)
  })
})
