import { TensorferryError } from '@tensorferry/core'
import { isObject } from './parse-json.ts'
import { toldValue } from './told-value.ts'

/** The protocol's `parameters`: of a request, an input or an output. */
export type Parameters = Readonly<Record<string, unknown>>

const NONE: Parameters = {}

function refuse(message: string): never {
  throw new TensorferryError('INPUT_INVALID', message)
}

/** The parameters of a request, an input or an output. @throws TensorferryError `INPUT_INVALID` for what is no object */
export function readParameters(value: unknown, where: string): Parameters {
  if (value === undefined || value === null) return NONE
  return isObject(value) ? value : refuse(`${where}: expected "parameters" to be an object, got ${toldValue(value)}`)
}

/** A parameter that is true or false; absent: the default. */
export function readFlag<D>(parameters: Parameters, name: string, where: string, absent: D): boolean | D {
  const value = parameters[name]
  if (value === undefined || value === null) return absent
  return typeof value === 'boolean'
    ? value
    : refuse(`${where}: expected parameter ${name} to be true or false, got ${toldValue(value)}`)
}

/** A parameter that counts something; null when absent. */
export function readCount(parameters: Parameters, name: string, where: string): number | null {
  const value = parameters[name]
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  return refuse(
    `${where}: expected parameter ${name} to be a whole number that is not negative, got ${toldValue(value)}`,
  )
}

/** Refuses tensors in shared memory: a server that reads memory of other processes is none to put into a network. */
export function refuseSharedMemory(parameters: Parameters, where: string): void {
  if (parameters.shared_memory_region === undefined) return
  refuse(`${where}: shared memory is not supported; send the tensor in the body, in binary form for speed`)
}

/** Refuses sequences of requests, whose states a server would have to keep. */
export function refuseSequences(parameters: Parameters): void {
  const id = parameters.sequence_id
  if (id === undefined || id === 0 || id === '') return
  refuse('sequence_id: sequences are not supported; feed the states of a recurrent model back as inputs')
}
