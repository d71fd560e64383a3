// Our description of the protocol against the stubs that clients and servers really use.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import { inferenceService } from '@tensorferry/inference-protocol/grpc-service'
import { describe, expect, test } from 'vitest'
import { peerPython } from '../../../../tests/serving/python-venv.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const PROTO = here('../../../inference-protocol/src/grpc_predict_v2.proto')

interface FieldDescriptor {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly label: string
}
interface MessageDescriptor {
  readonly name: string
  readonly field: readonly FieldDescriptor[]
  readonly nestedType: readonly MessageDescriptor[]
  readonly options?: { readonly mapEntry?: boolean } | null
}
interface Stubs {
  readonly messages: Readonly<Record<string, Readonly<Record<string, readonly [number, number, boolean]>>>>
  readonly methods: Readonly<Record<string, readonly unknown[]>>
}

/** As protobuf numbers its types. */
const TYPES = ['DOUBLE', 'FLOAT', 'INT64', 'UINT64', 'INT32', 'FIXED64', 'FIXED32', 'BOOL', 'STRING', 'GROUP']
  .concat(['MESSAGE', 'BYTES', 'UINT32', 'ENUM'])
  .map((name) => `TYPE_${name}`)

function ownMessages(): Map<string, MessageDescriptor> {
  const found = new Map<string, MessageDescriptor>()
  const add = (message: MessageDescriptor, prefix: string): void => {
    if (message.options?.mapEntry) return
    found.set(prefix + message.name, message)
    for (const nested of message.nestedType) add(nested, `${prefix}${message.name}.`)
  }
  for (const [name, definition] of Object.entries(loadSync(PROTO, { keepCase: true }))) {
    const { type } = definition as MessageTypeDefinition<object, object>
    const depth = name.split('.').length
    if (depth === 2 && type && 'nestedType' in type) add(type as unknown as MessageDescriptor, '')
  }
  return found
}

/** Theirs alone: tritonclient does not know MLServer's parameters of metadata. */
const ADDED: readonly string[] = ['ModelMetadataResponse.TensorMetadata.parameters']

describe.each([
  ['tritonclient', 'tritonclient.grpc.service_pb2', []],
  // MLServer lacks Triton's later fields.
  ['mlserver', 'mlserver.grpc.dataplane_pb2', ['InferParameter.double_param', 'InferParameter.uint64_param']],
] as const)('%s', (name, module, differing) => {
  test('has the same fields, numbers and methods', { timeout: 300_000 }, async () => {
    const python = await peerPython(name)
    const { stdout } = await promisify(execFile)(python, [here('field_numbers.py'), module], { maxBuffer: 2 ** 24 })
    const theirs = JSON.parse(stdout) as Stubs
    let compared = 0
    const differences: string[] = []
    for (const [message, { field }] of ownMessages()) {
      const known = theirs.messages[message]
      if (!known) continue
      for (const one of field) {
        const place = `${message}.${one.name}`
        const other = known[one.name]
        const same =
          other?.[0] === one.number && TYPES[other[1] - 1] === one.type && other[2] === (one.label === 'LABEL_REPEATED')
        compared++
        if (!same && !ADDED.includes(place) && !differing.includes(place as never)) {
          differences.push(`${place}: ours ${one.number} ${one.type} ${one.label}, theirs ${other}`)
        }
      }
    }
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(60)

    const service = inferenceService()
    for (const [method, [, , clientStreams, serverStreams]] of Object.entries(theirs.methods)) {
      const ours = service[method]
      if (!ours) continue
      expect([method, ours.requestStream, ours.responseStream]).toEqual([method, clientStreams, serverStreams])
    }
  })
})
