// Ways to write float32 tensors as JSON text, and to parse them, in turns in one process: nanoseconds a number and bytes.
// npx tsx benchmarks/server/json-text.ts
import { tensor } from '@tensorferry/core'
import { writeFloat32 } from '../../packages/inference-protocol/src/float32-text.ts'
import { tensorFromJsonData } from '../../packages/inference-protocol/src/json-tensor.ts'
import { tensorTextBytes } from '../../packages/inference-protocol/src/tensor-text.ts'

const ROUNDS = 25

const ways: Readonly<Record<string, (values: Float32Array<ArrayBuffer>) => Uint8Array>> = {
  'JSON.stringify(Array.from(values))': (values) => Buffer.from(JSON.stringify(Array.from(values))),
  'values.join()': (values) => Buffer.from(`[${values.join(',')}]`),
  'text += value': (values) => {
    let text = ''
    for (const value of values) text += text ? `,${value}` : value
    return Buffer.from(`[${text}]`)
  },
  'Number(value.toPrecision(9))': (values) => {
    let text = ''
    for (const value of values) text += text ? `,${Number(value.toPrecision(9))}` : Number(value.toPrecision(9))
    return Buffer.from(`[${text}]`)
  },
  'fewest digits, into bytes': (values) => {
    const out = Buffer.allocUnsafe(tensorTextBytes(tensor('float32', values)) + 2)
    return out.subarray(0, writeFloat32(values, out, 1) + 1)
  },
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

for (const count of [1_000, 16_384, 150_000]) {
  const values = Float32Array.from({ length: count }, () => Math.random())
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  const sizes = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const start = performance.now()
      const written = way(values)
      times.get(name)!.push(performance.now() - start)
      sizes.set(name, written.length)
    }
  }
  console.log(`\n${count} numbers from 0 to 1`)
  for (const [name, all] of times) {
    const ns = Math.round((median(all) * 1e6) / count)
    console.log(
      `  ${name.padEnd(36)} ${String(ns).padStart(4)} ns a number, ${(sizes.get(name)! / count).toFixed(1)} bytes`,
    )
  }
  const text = JSON.stringify(Array.from(values))
  const parse: number[] = []
  const read: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const data = JSON.parse(text) as unknown
    const parsed = performance.now()
    tensorFromJsonData('FP32', [count], data, 'x')
    parse.push(parsed - start)
    read.push(performance.now() - parsed)
  }
  const each = (all: readonly number[]): number => Math.round((median(all) * 1e6) / count)
  console.log(`  parsing: JSON.parse ${each(parse)} ns a number, into float32 ${each(read)} ns`)
}
