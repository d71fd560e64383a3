/** Features behind each name that torch writes as the instruction set, by Linux's names in /proc/cpuinfo. */
const ISA_FEATURES: Readonly<Record<string, readonly string[]>> = {
  AVX2: ['avx2', 'fma', 'f16c'],
  AVX512: ['avx512f', 'avx512dq', 'avx512vl', 'avx512bw', 'fma'],
  AVX512_VNNI: ['avx512_vnni'],
  AMX_TILE: ['amx_tile', 'amx_bf16', 'amx_int8'],
  ASIMD: ['asimd'],
}

const V2 = ['pni', 'ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'cx16']
const V3 = [...V2, 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe']
/** Levels of the x86-64 psABI, as `-march` names them. */
const LEVELS: Readonly<Record<string, readonly string[]>> = {
  'x86-64-v2': V2,
  'x86-64-v3': V3,
  'x86-64-v4': [...V3, 'avx512f', 'avx512dq', 'avx512vl', 'avx512bw', 'avx512cd'],
}

/** Switches whose instructions a compiler uses by itself, where Linux has another name for them. */
const RENAMED: Readonly<Record<string, string>> = {
  sse3: 'pni',
  'sse4.1': 'sse4_1',
  'sse4.2': 'sse4_2',
  bmi: 'bmi1',
  lzcnt: 'abm',
  avxvnni: 'avx_vnni',
  avxifma: 'avx_ifma',
  avxvnniint8: 'avx_vnni_int8',
  avx512vnni: 'avx512_vnni',
  avx512vbmi2: 'avx512_vbmi2',
  avx512bitalg: 'avx512_bitalg',
  avx512vpopcntdq: 'avx512_vpopcntdq',
  avx512vp2intersect: 'avx512_vp2intersect',
  avx512bf16: 'avx512_bf16',
  avx512fp16: 'avx512_fp16',
  'amx-tile': 'amx_tile',
  'amx-bf16': 'amx_bf16',
  'amx-int8': 'amx_int8',
  'amx-fp16': 'amx_fp16',
}
const SAME = ['ssse3', 'popcnt', 'avx', 'avx2', 'fma', 'f16c', 'bmi2', 'abm', 'movbe', 'fma4', 'xop', 'tbm', 'gfni']
const SAME_AVX512 = ['avx512f', 'avx512dq', 'avx512vl', 'avx512bw', 'avx512cd', 'avx512vbmi']
const SWITCH_FEATURES: ReadonlyMap<string, string> = new Map([
  ...[...SAME, ...SAME_AVX512].map((name): [string, string] => [name, name]),
  ['avx512ifma', 'avx512ifma'],
  ...Object.entries(RENAMED),
])

const ARM_EXTENSIONS: Readonly<Record<string, string>> = {
  sve: 'sve',
  sve2: 'sve2',
  bf16: 'bf16',
  i8mm: 'i8mm',
  sha3: 'sha3',
  fp16: 'asimdhp',
  dotprod: 'asimddp',
  lse: 'atomics',
  fp16fml: 'asimdfhm',
}

/**
 * @param isa - torch's text, such as `AVX512 AVX512_VNNI`
 * @returns features by Linux's names; a name that is not known stands for itself
 */
export function isaFeatures(isa: string | null): readonly string[] {
  if (isa === null || isa === 'INVALID_VEC_ISA') return []
  return isa.split(/\s+/).flatMap((name) => ISA_FEATURES[name] ?? [name.toLowerCase()])
}

/** Features that a compiler's switches let it use: of a command line, or of what it noted in the library. */
export function switchFeatures(switches: string): readonly string[] {
  const allowed = new Set<string>()
  for (const [, level] of switches.matchAll(/ -march=(x86-64-v\d)(?= |$)/g)) {
    for (const feature of LEVELS[level!] ?? []) allowed.add(feature)
  }
  for (const [, extensions] of switches.matchAll(/ -m(?:arch|cpu)=(?!x86)[\w.-]+?((?:\+\w+)+)/g)) {
    for (const name of extensions!.split('+')) if (ARM_EXTENSIONS[name]) allowed.add(ARM_EXTENSIONS[name])
  }
  // In order: what comes later wins.
  for (const [, no, name] of switches.matchAll(/ -m(no-)?([a-z0-9.-]+)(?= |$)/g)) {
    const feature = SWITCH_FEATURES.get(name!)
    if (feature === undefined) continue
    if (no) allowed.delete(feature)
    else allowed.add(feature)
  }
  return [...allowed]
}

/** The compiler's command line, which torch leaves at the end of the sources. */
export function commandLine(source: string): string {
  return /^\/\/ (?:\S*(?:g\+\+|clang\+\+|icpx)\S*) .* -c .*$/m.exec(source)?.[0] ?? ''
}
