import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { peerPython } from '../../../../tests/serving/python-venv.ts'
import { bundlePath } from '../load-models.ts'
import { fixtureModel, startServer } from './start-server.ts'

interface Outcome {
  readonly ok?: unknown
  readonly status?: string
  readonly message?: string
}
interface Report {
  readonly results: Readonly<Record<string, Outcome>>
  readonly calls: readonly string[]
}

const script = fileURLToPath(new URL('tritonclient_grpc.py', import.meta.url))

/** Client state, not calls to a server. */
const LOCAL_CALLS = ['close', 'plugin', 'register_plugin', 'unregister_plugin', 'start_stream', 'stop_stream']

test('tritonclient.grpc gets the right answer or a documented error from each call it has', {
  timeout: 300_000,
}, async () => {
  const { address, repository } = await startServer({
    models: [
      bundlePath('digits'),
      await fixtureModel('string'),
      await fixtureModel('int64'),
      await fixtureModel('slow'),
    ],
    repositoryToken: 'secret',
  })
  const python = await peerPython('tritonclient')
  const { stdout } = await promisify(execFile)(python, [script, address, 'secret'], { maxBuffer: 2 ** 24 })
  const { results, calls } = JSON.parse(stdout) as Report

  const pixels = Float32Array.from({ length: 128 }, (_, index) => index / 128)
  const expected = async (factor: number): Promise<number[][]> => {
    const image = tensor(
      'float32',
      pixels.map((value) => value * factor),
      [2, 1, 8, 8],
    )
    const { logits } = await repository.get('digits').infer({ image })
    const values = Array.from(logits!.data as Float32Array)
    return [values.slice(0, 10), values.slice(10)]
  }
  const logits = await expected(1)

  expect(results.is_server_live).toEqual({ ok: true })
  expect(results.is_server_ready).toEqual({ ok: true })
  expect(results.is_model_ready).toEqual({ ok: true })
  expect(results['is_model_ready version']).toEqual({ ok: true })
  expect(results['is_model_ready unknown']).toEqual({ ok: false })
  expect(results['is_model_ready unknown version']).toEqual({ ok: false })
  expect(results.get_server_metadata!.ok).toMatchObject({ name: 'tensorferry' })
  expect(results.get_model_metadata!.ok).toEqual({
    name: 'digits',
    versions: ['1.0.0'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'image', datatype: 'FP32', shape: ['-1', '1', '8', '8'] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: ['-1', '10'] }],
  })
  expect(results['get_model_metadata unknown']).toMatchObject({ status: 'StatusCode.NOT_FOUND' })
  expect(results.get_model_config!.ok).toEqual({
    config: {
      name: 'digits',
      platform: 'onnx_onnxv1',
      backend: 'onnx-node',
      max_batch_size: 1024,
      input: [{ name: 'image', data_type: 'TYPE_FP32', dims: ['1', '8', '8'] }],
      output: [{ name: 'logits', data_type: 'TYPE_FP32', dims: ['10'] }],
    },
  })
  expect(results.get_model_repository_index!.ok).toMatchObject({
    models: [
      { name: 'digits', version: '1.0.0', state: 'READY' },
      { name: 'string', version: '1', state: 'READY' },
      { name: 'int64', version: '1', state: 'READY' },
      { name: 'slow', version: '1', state: 'READY' },
    ],
  })

  for (const call of ['infer', 'infer outputs', 'infer gzip', 'infer deflate', 'infer parameters', 'async_infer']) {
    expect(results[call], call).toEqual({ ok: { logits } })
  }
  expect(results['infer id']).toEqual({ ok: 'seven' })
  const best = (scores: readonly number[]): string[] =>
    scores
      .map((score, index) => ({ score, index }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 2)
      .map(({ score, index }) => `${Math.fround(score)}:${index}:${index}`)
  const classes = (results['infer classification']!.ok as { logits: string[] }).logits
  expect(classes.map((text) => text.replace(/^[^:]+/, (score) => `${Math.fround(Number(score))}`))).toEqual(
    logits.flatMap(best),
  )
  expect(results['infer strings']).toEqual({ ok: { reversed: ['grüße', '', 'a'] } })
  expect(results['infer int64']).toEqual({
    ok: { reversed: ['9223372036854775807', '-9223372036854775808', '9007199254740993'] },
  })
  const refused = {
    'infer timeout parameter': ['DEADLINE_EXCEEDED', /timeoutMs = 1\b/],
    'infer client_timeout': ['DEADLINE_EXCEEDED', /Deadline/],
    'infer wrong shape': ['INVALID_ARGUMENT', /image: expected float32\[batch, 1, 8, 8\]/],
    'infer wrong name': ['INVALID_ARGUMENT', /given: picture/],
    'infer unknown output': ['INVALID_ARGUMENT', /unknown output 'x'/],
    'infer unknown model': ['NOT_FOUND', /nobody/],
    'infer unknown version': ['NOT_FOUND', /9/],
    'infer sequence': ['INVALID_ARGUMENT', /sequence_id/],
    'infer shared memory': ['INVALID_ARGUMENT', /shared memory/],
    'infer unloaded': ['UNAVAILABLE', /string is not ready/],
    'get_inference_statistics unknown': ['NOT_FOUND', /nobody/],
    'unload_model without token': ['PERMISSION_DENIED', /repository token/],
    'load_model without token': ['PERMISSION_DENIED', /repository token/],
    'load_model config': ['INVALID_ARGUMENT', /no parameters/],
    'load_model unknown': ['NOT_FOUND', /nobody/],
    'unload_model unknown': ['NOT_FOUND', /nobody/],
    update_trace_settings: ['UNIMPLEMENTED', /TraceSetting/],
    get_trace_settings: ['UNIMPLEMENTED', /TraceSetting/],
    update_log_settings: ['UNIMPLEMENTED', /LogSettings/],
    get_log_settings: ['UNIMPLEMENTED', /LogSettings/],
    get_system_shared_memory_status: ['UNIMPLEMENTED', /SharedMemory/],
    register_system_shared_memory: ['UNIMPLEMENTED', /SharedMemory/],
    unregister_system_shared_memory: ['UNIMPLEMENTED', /SharedMemory/],
    get_cuda_shared_memory_status: ['UNIMPLEMENTED', /SharedMemory/],
    register_cuda_shared_memory: ['UNIMPLEMENTED', /SharedMemory/],
    unregister_cuda_shared_memory: ['UNIMPLEMENTED', /SharedMemory/],
  } as const
  for (const [call, [status, text]] of Object.entries(refused)) {
    expect(results[call]?.status, call).toBe(`StatusCode.${status}`)
    expect(results[call]?.message, call).toMatch(text)
  }

  const stream = results.stream!.ok as readonly [string, unknown, boolean?][]
  expect(stream).toHaveLength(22)
  for (let number = 0; number < 20; number++) {
    const [row] = await expected(number)
    expect(stream[number]![0]).toBe(String(number))
    expect(stream[number]![1], `request ${number} of the stream`).toEqual(row!.map((value) => expect.closeTo(value, 4)))
  }
  expect(stream[20]![0]).toBe('error')
  expect(stream[20]![1]).toMatch(/unknown model 'nobody'/)
  expect(stream[21]).toEqual(['last', logits[0], true])

  // Twice two rows each of: 8 plain ones with the id and the classes, 21 of the stream.
  const [statistics] = (results.get_inference_statistics!.ok as { model_stats: Record<string, unknown>[] }).model_stats
  expect(statistics).toMatchObject({ name: 'digits', version: '1.0.0', inference_count: '58' })
  expect(statistics!.inference_stats).toMatchObject({ success: { count: '29' } })
  expect(results['get_inference_statistics all']).toEqual({ ok: 4 })

  expect(results.unload_model).toEqual({ ok: null })
  expect(results['is_model_ready unloaded']).toEqual({ ok: false })
  expect(results.load_model).toEqual({ ok: null })
  expect(results['is_model_ready loaded']).toEqual({ ok: true })

  // A call that a later client brings must be looked at.
  const tried = new Set(Object.keys(results).map((name) => name.split(' ')[0]))
  tried.add('async_stream_infer')
  expect(calls.filter((call) => !tried.has(call) && !LOCAL_CALLS.includes(call))).toEqual([])
})
