import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { readForm } from '../../src/http/multipart.ts'

const SLICE = 1024 * 1024
const TYPE = 'multipart/form-data; boundary=edge'

function formOf(files: readonly Buffer[]): Buffer {
  const parts = files.flatMap((bytes, index) => [
    Buffer.from(`--edge\r\nContent-Disposition: form-data; name="field${index}"; filename="${index}.png"\r\n\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...parts, Buffer.from('--edge--\r\n')])
}

test('files come byte for byte, wherever a slice ends', async () => {
  const head = formOf([Buffer.alloc(0)]).indexOf('\r\n\r\n') + 4
  const random = randomBytes(SLICE)
  // The first file ends around the end of the slice: it falls into every place of the line between the files.
  for (let before = -12; before <= 12; before++) {
    const first = random.subarray(0, SLICE - head - before)
    const second = Buffer.concat([Buffer.from('\r\n--edg'), random.subarray(0, 5)])
    const files = await readForm(formOf([first, second]), TYPE)
    expect(files.map(({ field, name }) => [field, name])).toEqual([
      ['field0', '0.png'],
      ['field1', '1.png'],
    ])
    expect(files[0]!.bytes.equals(first), `${before} bytes before the end`).toBe(true)
    expect(files[1]!.bytes.equals(second)).toBe(true)
  }
})

test('the event loop turns while a large form is read', async () => {
  const bytes = randomBytes(12 * SLICE)
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const [file] = await readForm(formOf([bytes]), TYPE)
  isOver = true
  expect(file!.bytes.equals(bytes)).toBe(true)
  // Once for each slice that is read, and for each that is joined.
  expect(turns).toBeGreaterThanOrEqual(20)
})

test('a form that is cut off or has too many files is refused, however long it is', async () => {
  const whole = formOf([randomBytes(2 * SLICE)])
  const refused = { status: 400, code: 'INPUT_INVALID' }
  await expect(readForm(whole.subarray(0, SLICE + 100), TYPE)).rejects.toMatchObject(refused)
  await expect(readForm(whole.subarray(0, SLICE), TYPE)).rejects.toMatchObject(refused)
  const many = formOf([...new Array<Buffer>(70).fill(Buffer.from('x')), randomBytes(2 * SLICE)])
  await expect(readForm(many, TYPE)).rejects.toMatchObject({ message: expect.stringContaining('64 files') })
})
