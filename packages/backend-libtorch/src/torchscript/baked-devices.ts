import { TensorferryError } from '@tensorferry/core'
import type { CodeDevice } from './archive-code.ts'

/** What libtorch says when tensors of one kind of device meet another, or a device is not there. */
const OF_DEVICES = /'\w+' backend|\bCUDA\b|\bcuda\b|\bMPS\b|\bdevice\b|NVIDIA driver/

const kindOf = (device: string): string => device.split(':')[0]!

const placeOf = ({ file, line }: CodeDevice): string => `${file}, line ${line}`

/** Devices that a model's code names and that are not the session's. */
export class BakedDevices {
  readonly #places: readonly CodeDevice[]
  readonly #device: string

  /** @param device - the session's */
  constructor(places: readonly CodeDevice[], device: string) {
    this.#places = places.filter((place) => kindOf(place.device) !== kindOf(device))
    this.#device = device
  }

  /** For the report of a session; a branch that never runs does no harm. */
  warnings(): string[] {
    const [first] = this.#places
    // A model that goes back to the CPU by itself may well run on a GPU.
    if (!first || kindOf(first.device) === 'cpu') return []
    return [
      `the model's code asks for ${first.device} (${placeOf(first)}), this session is on ${this.#device}; mapDevices: true reads it as ${this.#device}`,
    ]
  }

  /** An error of the model's with the place in its code that is to blame; another error stays what it is. */
  explain(error: TensorferryError): TensorferryError {
    const { message, cause } = error
    // Without the trace, whose lines name devices whatever went wrong.
    const reason = String(error.details.runtimeMessage ?? message)
    if (this.#places.length === 0 || error.code === 'INPUT_INVALID' || !OF_DEVICES.test(reason)) return error
    const text = cause instanceof Error ? cause.message : message
    const frames = [...text.matchAll(/File "(code\/[^"]+)", line (\d+)/g)].map(
      ([, file, line]) => `${file}, line ${line}`,
    )
    // The innermost frame is the last one.
    const inTrace = this.#places.filter((place) => frames.includes(placeOf(place)))
    const place =
      inTrace.sort((a, b) => frames.lastIndexOf(placeOf(b)) - frames.lastIndexOf(placeOf(a)))[0] ?? this.#places[0]!
    const others = this.#places.length > 1 ? ` and ${this.#places.length - 1} more` : ''
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the model's code asks for the device ${place.device} (${placeOf(place)}: ${shortened(place.text)})${others}, this session is on ${this.#device}; pass mapDevices: true to read it as ${this.#device}, or export the model on ${this.#device}`,
      { details: { ...error.details, devices: this.#places, device: this.#device }, cause },
    )
  }
}

function shortened(line: string): string {
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}
