/** Bytes of each argument of an opcode that has a fixed number of them. */
const FIXED: Readonly<Record<number, number>> = {
  128: 1, // PROTO
  113: 1, // BINPUT
  114: 4, // LONG_BINPUT
  104: 1, // BINGET
  106: 4, // LONG_BINGET
  74: 4, // BININT
  75: 1, // BININT1
  77: 2, // BININT2
  71: 8, // BINFLOAT
}
/** Opcodes without an argument that PyTorch's pickler writes. */
const PLAIN = new Set(
  [...'(.012Nabdelpstu)]}QRo'].map((letter) => letter.charCodeAt(0)).concat([0x81, 0x85, 0x86, 0x87, 0x88, 0x89]),
)
const GLOBAL = 0x63
const BINUNICODE = 0x58
const LONG1 = 0x8a
const BINPUT = 0x71
const LONG_BINPUT = 0x72
const BINGET = 0x68
const LONG_BINGET = 0x6a
const TUPLE1 = 0x85
const DEVICE = 'torch\ndevice\n'

/** Something that was pushed. */
interface Pushed {
  /** A text, or the class of devices; null: something else. */
  readonly value: string | null
  /** The bytes that push it and remember it. */
  readonly start: number
  end: number
  /** Under which it was remembered. */
  put: number | null
  /** Under which it was asked for. */
  readonly got: number | null
  /** It is the name of a device. */
  isDevice: boolean
}

/** The texts that a pickle pushes, in order; null: it has opcodes that PyTorch does not write. */
function findTexts(pickle: Uint8Array): Pushed[] | null {
  const view = new DataView(pickle.buffer, pickle.byteOffset, pickle.byteLength)
  const text = new TextDecoder()
  const memo = new Map<number, string>()
  const texts: Pushed[] = []
  let last: Pushed | null = null
  let beforeLast: string | null = null
  const push = (value: string | null, start: number, end: number, got: number | null = null): void => {
    beforeLast = last?.value ?? null
    last = { value, start, end, put: null, got, isDevice: false }
    if (value !== null && value !== DEVICE) texts.push(last)
  }
  const remember = ({ value }: Pushed, number: number, end: number): void => {
    if (value !== null) memo.set(number, value)
    Object.assign(last!, { put: number, end })
  }
  for (let at = 0; at < pickle.length; ) {
    const start = at
    const opcode = pickle[at++]!
    if (opcode === GLOBAL) {
      for (let lines = 0; lines < 2 && at < pickle.length; at++) if (pickle[at] === 0x0a) lines++
      const name = text.decode(pickle.subarray(start + 1, at))
      push(name === DEVICE ? name : null, start, at)
    } else if (opcode === BINUNICODE) {
      at += 4 + view.getUint32(at, true)
      push(text.decode(pickle.subarray(start + 5, at)), start, at)
    } else if (opcode === LONG1) {
      at += 1 + pickle[at]!
      push(null, start, at)
    } else if (opcode === BINPUT || opcode === LONG_BINPUT) {
      const number = opcode === BINPUT ? pickle[at]! : view.getUint32(at, true)
      at += FIXED[opcode]!
      if (last) remember(last, number, at)
    } else if (opcode === BINGET || opcode === LONG_BINGET) {
      const number = opcode === BINGET ? pickle[at]! : view.getUint32(at, true)
      at += FIXED[opcode]!
      push(memo.get(number) ?? null, start, at, number)
    } else {
      const length = FIXED[opcode]
      if (length === undefined && !PLAIN.has(opcode)) return null
      if (opcode === TUPLE1 && beforeLast === DEVICE) Object.assign(last!, { isDevice: true })
      at += length ?? 0
      push(null, start, at)
    }
  }
  return texts
}

/** None of a damaged one: libtorch says what is wrong with it. */
function textsOf(pickle: Uint8Array): readonly Pushed[] {
  try {
    return findTexts(pickle) ?? []
  } catch (error) {
    if (error instanceof RangeError) return []
    throw error
  }
}

function pushText(text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(5)
  head[0] = BINUNICODE
  head.writeUInt32LE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

function remembered(number: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = LONG_BINPUT
  bytes.writeUInt32LE(number, 1)
  return bytes
}

/**
 * A pickle of PyTorch's with other devices in it: attributes of a module that are a `torch.device`. Names of devices that
 * are mere strings stay, and so do those of tensors, which libtorch maps itself.
 *
 * @param rename - the name to put in place of one; the same: it stays
 * @returns null: nothing changes
 */
export function renameDevices(pickle: Uint8Array, rename: (name: string) => string): Uint8Array | null {
  const texts = textsOf(pickle)
  if (!texts.some(({ isDevice, value }) => isDevice && rename(value!) !== value)) return null
  const parts: Uint8Array[] = []
  let from = 0
  const replace = ({ start, end }: Pushed, by: readonly Uint8Array[]): void => {
    parts.push(pickle.subarray(from, start), ...by)
    from = end
  }
  // Numbers whose text went with a device: the next one that asks for it brings it back.
  const gone = new Set<number>()
  for (const pushed of texts) {
    const { value, isDevice, put, got } = pushed
    if (isDevice && rename(value!) !== value) {
      if (put !== null) gone.add(put)
      replace(pushed, [pushText(rename(value!))])
    } else if (got !== null && gone.delete(got)) {
      replace(pushed, [pushText(value!), remembered(got)])
    }
  }
  return Buffer.concat([...parts, pickle.subarray(from)])
}
