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

const script = fileURLToPath(new URL('tritonclient_http.py', import.meta.url))

/** Client state, not calls to a server. */
const LOCAL_CALLS = ['close', 'plugin', 'register_plugin', 'unregister_plugin']

test('tritonclient.http gets the right answer or a documented error from each call it has', {
  timeout: 300_000,
}, async () => {
  const names = ['string', 'int64', 'bool', 'float16', 'float32', 'slow']
  const server = await startServer({
    models: [bundlePath('digits'), ...(await Promise.all(names.map(fixtureModel)))],
    repositoryToken: 'secret',
  })
  const python = await peerPython('tritonclient')
  const address = server.url.replace('http://', '')
  const { stdout } = await promisify(execFile)(python, [script, address, 'secret'], { maxBuffer: 2 ** 24 })
  const { results, calls } = JSON.parse(stdout) as Report

  const untried = calls.filter(
    (call) => !LOCAL_CALLS.includes(call) && !Object.keys(results).some((name) => name.split(' ')[0] === call),
  )
  expect(untried).toEqual([])

  const image = tensor(
    'float32',
    Float32Array.from({ length: 128 }, (_, index) => index / 128),
    [2, 1, 8, 8],
  )
  const outputs = await server.repository.get('digits').infer({ image })
  const logits = Array.from(outputs.logits!.data as Float32Array)

  for (const call of ['is_server_live', 'is_server_ready', 'is_model_ready', 'is_model_ready version']) {
    expect(results[call], call).toEqual({ ok: true })
  }
  for (const call of ['is_model_ready unknown', 'is_model_ready unknown version', 'is_model_ready unloaded']) {
    expect(results[call], call).toEqual({ ok: false })
  }
  expect(results.get_server_metadata!.ok).toMatchObject({ name: 'tensorferry' })
  expect(results.get_model_metadata!.ok).toMatchObject({
    name: 'digits',
    versions: ['1.0.0'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  })
  expect(results['get_model_metadata version']).toEqual({ ok: 'digits' })
  expect(results.get_model_config!.ok).toEqual({
    name: 'digits',
    platform: 'onnx_onnxv1',
    backend: 'onnx-node',
    max_batch_size: 1024,
    input: [{ name: 'image', data_type: 'TYPE_FP32', dims: [1, 8, 8] }],
    output: [{ name: 'logits', data_type: 'TYPE_FP32', dims: [10] }],
  })
  expect(results.get_model_repository_index!.ok).toEqual([
    { name: 'digits', version: '1.0.0', state: 'READY', reason: '' },
    ...names.map((name) => ({ name, version: '1', state: 'READY', reason: '' })),
  ])

  const forms = [
    '',
    ' version',
    ' json',
    ' json output',
    ' binary output',
    ' query',
    ' parameters',
    ' gzip',
    ' deflate',
  ]
  for (const form of [...forms, ' gzip reply', ' deflate reply']) {
    expect(results[`infer${form}`], form).toEqual({ ok: logits })
  }
  expect(results.async_infer).toEqual({ ok: new Array(8).fill(logits) })
  expect(results['infer large gzip']!.ok).toHaveLength(20)
  expect(results['infer id']).toEqual({ ok: 'seven' })
  const best = (scores: readonly number[]): string[] =>
    scores
      .map((score, index) => ({ score, index }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 2)
      .map(({ score, index }) => `${score}:${index}:${index}`)
  for (const form of ['infer classification', 'infer classification json']) {
    const classes = (results[form]!.ok as string[]).map((text) => text.replace(/^[^:]+/, (x) => `${Math.fround(+x)}`))
    expect(classes, form).toEqual([...best(logits.slice(0, 10)), ...best(logits.slice(10))])
  }
  const half = 0.0999755859375
  for (const form of ['binary', 'json']) {
    expect(results[`infer string ${form}`], form).toEqual({ ok: ['grüße', '', 'a'] })
    const digits = ['9223372036854775807', '-9223372036854775808', '9007199254740993']
    expect(results[`infer int64 ${form}`], form).toEqual({ ok: digits })
    expect(results[`infer bool ${form}`], form).toEqual({ ok: [1, 0, 1] })
    expect(results[`infer float16 ${form}`], form).toEqual({ ok: [half, 65504, 0.5] })
  }
  expect(results['infer float32 json']).toEqual({ ok: new Array(3).fill(Math.fround(0.1)) })
  for (const form of ['infer float32 binary', 'infer not finite, JSON reply']) {
    expect(results[form], form).toEqual({ ok: ['-inf', 'nan', Math.fround(0.1)] })
  }
  expect(results.generate_request_body).toEqual({ ok: 512 })

  const refused = {
    'infer not finite, JSON request': [400, /NaN and Infinity are no JSON numbers/],
    'infer timeout': [504, /timeoutMs = 1\b/],
    'infer wrong shape': [400, /image: expected float32\[batch, 1, 8, 8\]/],
    'infer wrong name': [400, /given: picture/],
    'infer unknown output': [400, /unknown output 'x'/],
    'infer unknown model': [404, /nobody/],
    'infer unknown version': [404, /9/],
    'infer sequence': [400, /sequence_id/],
    'infer shared memory': [400, /shared memory/],
    'infer shared memory output': [400, /shared memory/],
    'infer unloaded': [503, /string is not ready/],
    'get_model_metadata unknown': [404, /nobody/],
    'get_model_config unknown': [404, /nobody/],
    'get_inference_statistics unknown': [404, /nobody/],
    'unload_model without token': [403, /repository token/],
    'load_model without token': [403, /repository token/],
    'load_model config': [400, /no parameters here, got config/],
    'load_model files': [400, /no parameters here/],
    'load_model unknown': [404, /nobody/],
    'unload_model unknown': [404, /nobody/],
    update_trace_settings: [400, /trace settings are not supported/],
    'update_trace_settings model': [400, /trace settings/],
    get_trace_settings: [400, /trace settings/],
    'get_trace_settings model': [400, /trace settings/],
    update_log_settings: [400, /log settings are not supported/],
    get_log_settings: [400, /log settings/],
    get_system_shared_memory_status: [400, /shared memory is not supported/],
    'get_system_shared_memory_status region': [400, /shared memory/],
    register_system_shared_memory: [400, /shared memory/],
    unregister_system_shared_memory: [400, /shared memory/],
    'unregister_system_shared_memory all': [400, /shared memory/],
    get_cuda_shared_memory_status: [400, /shared memory/],
    register_cuda_shared_memory: [400, /shared memory/],
    unregister_cuda_shared_memory: [400, /shared memory/],
  } as const
  for (const [call, [status, text]] of Object.entries(refused)) {
    expect(results[call]?.status, call).toBe(String(status))
    expect(results[call]?.message, call).toMatch(text)
  }
  for (const call of ['unload_model', 'load_model', 'unload_model dependents']) {
    expect(results[call], call).toEqual({ ok: null })
  }
  expect(results['is_model_ready loaded']).toEqual({ ok: true })

  const statistics = results.get_inference_statistics!.ok as {
    model_stats: { name: string; inference_count: number }[]
  }
  expect(statistics.model_stats).toMatchObject([{ name: 'digits', version: '1.0.0' }])
  // Of two rows each: the forms above, an id, two classifications, and eight at once. One had 400.
  const answered = forms.length + 2 + 1 + 2 + 8
  expect(statistics.model_stats[0]!.inference_count).toBe(answered * 2 + 400)
  expect(results['get_inference_statistics version']).toEqual({ ok: 1 })
  expect(results['get_inference_statistics all']).toEqual({ ok: names.length + 1 })
})
