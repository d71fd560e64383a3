import { expect, test } from 'vitest'
import { mapError, rebuildError, type Stage, withoutSourceLine } from '../src/map-error.ts'

/** Texts of onnxruntime 1.30 that no fixture provokes on this machine; the others are tested with real models. */
test.each<[Stage, string, string, RegExp]>([
  ['load', 'std::bad_alloc', 'OUT_OF_MEMORY', /fewer replicas/],
  [
    'load',
    'Unsupported model IR version: 14, max supported IR version: 13',
    'FORMAT_UNSUPPORTED',
    /IR version 14, .* up to 13/,
  ],
  [
    'load',
    "Could not find an implementation for GridSample(20) node with name 'grid'",
    'FORMAT_UNSUPPORTED',
    /GridSample \(opset 20\) .* "grid"/,
  ],
  [
    'load',
    'Fatal error: my.ops:Fancy(-1) is not a registered function/op',
    'FORMAT_UNSUPPORTED',
    /no operator my\.ops:Fancy/,
  ],
  [
    'load',
    'External data path validation failed for initializer: w. Error: tensorprotoutils.cc:461 ValidateExternalDataPathFromDir External data path does not exist: "/models/w.bin"',
    'NOT_FOUND',
    /"\/models\/w\.bin" is missing/,
  ],
  [
    'run',
    'Invalid rank for input: x Got: 1 Expected: 2 Please fix either the inputs/outputs or the model.',
    'INPUT_INVALID',
    /x: expected 2 dimensions, got 1/,
  ],
  [
    'run',
    'Got invalid dimensions for input: x for the following indices\n index: 1 Got: 3 Expected: 2\n Please fix either the inputs/outputs or the model.',
    'INPUT_INVALID',
    /index: 1 Got: 3 Expected: 2/,
  ],
  [
    'run',
    "Non-zero status code returned while running Gather node. Name:'embedding' Status Message: indices element out of data bounds, idx=50300 must be within the inclusive range [-50257,50256]",
    'RUNTIME_FAILED',
    /"embedding" \(Gather\) got an index 50300 that lies outside its table, which takes -50257 to 50256; an input probably holds an id, such as a token's/,
  ],
  [
    'run',
    "Non-zero status code returned while running GatherND node. Name:'pick' Status Message: invalid index found, index = 7",
    'RUNTIME_FAILED',
    /"pick" \(GatherND\) got an index 7 that lies outside its table; an input/,
  ],
  [
    'run',
    "Non-zero status code returned while running GatherElements node. Name:'pick' Status Message: /x/gather_elements.cc:150 void f() GatherElements op: Out of range value in index tensor",
    'RUNTIME_FAILED',
    /"pick" \(GatherElements\) got an index that lies outside its table; an input/,
  ],
  [
    'start',
    'libonnxruntime.so.1: cannot open shared object file: No such file or directory',
    'BACKEND_UNAVAILABLE',
    /could not be loaded/,
  ],
  ['load', 'something new', 'RUNTIME_FAILED', /could not load the model: something new/],
  ['run', 'something new', 'RUNTIME_FAILED', /while it ran the model: something new/],
])('%s: %s', (stage, text, code, message) => {
  const cause = new Error(text)
  const error = mapError(cause, stage)
  expect(error).toMatchObject({ code, cause, details: { runtimeMessage: text } })
  expect(error.message).toMatch(message)
})

test('the runtime’s own text survives the way out of a worker', () => {
  const text = "Non-zero status code returned while running Add node. Name:'adder' Status Message: no"
  const sent = structuredClone(mapError(new Error(text), 'run').toJSON())
  expect(rebuildError(sent)).toMatchObject({
    code: 'RUNTIME_FAILED',
    details: { node: 'adder', operator: 'Add' },
    cause: expect.objectContaining({ message: text }),
  })
})

test.each([
  [
    '/onnxruntime_src/core/webgpu_context.cc:136 webgpu::WebGpuContext::Initialize(const Config&)::<lambda()> status was false. No adapters',
    'status was false. No adapters',
  ],
  [
    '/onnxruntime_src/core/element_wise_ops.h:563 void onnxruntime::BroadcastIterator::Init(ptrdiff_t, ptrdiff_t) 2 by 3',
    '2 by 3',
  ],
  ['Failed to load shared library', 'Failed to load shared library'],
])('C++ places are left out: %s', (text, expected) => {
  expect(withoutSourceLine(text)).toBe(expected)
})
