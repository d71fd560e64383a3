import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LibtorchOptions, type LibtorchSession, libtorch } from '@tensorferry/backend-libtorch'
import { type Artifact, tensor } from '@tensorferry/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithLibtorch, libtorchRoot } from './environment.ts'
import { rejection } from './expect-error.ts'
import { artifactOf, fileOf, fixturePath } from './model-file.ts'
import { operatorLibrary, smallLibrary, vouched } from './operator-library.ts'
import { readEntries, writeZip } from './programs/mutate.mjs'

const folder = mkdtempSync(join(tmpdir(), 'libtorch-libraries-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A model of the fixtures whose code calls the operator. */
function usingOperator(): Artifact {
  const entries = readEntries(readFileSync(fixturePath('arguments/needed-state.pt'))).map(({ name, content }) => {
    if (!name.endsWith('.py')) return { name, content }
    const code = new TextDecoder().decode(content)
    return { name, content: Buffer.from(code.replace(/ {2}def forward[\s\S]*$/, FORWARD)) }
  })
  return artifactOf(fileOf('operator.pt', () => writeZip(entries)))
}

const FORWARD = `  def forward(self: __torch__.NeededState,
    x: Tensor) -> Tensor:
    return ops.ferry.twice_plus(x, 0.5)
`

describeWithLibtorch('libraries of operators', () => {
  const x = tensor('float32', [1, -2])
  let library: { path: string; sha256: string }
  beforeAll(async () => {
    library = vouched(await operatorLibrary(libtorchRoot))
  }, 240_000)

  const create = (libraries: LibtorchOptions['libraries']): Promise<LibtorchSession> =>
    libtorch({
      libtorch: libtorchRoot,
      threads: 1,
      ...(libraries ? { libraries, trust: 'native-code' } : {}),
    }).createSession({
      artifact: usingOperator(),
    })

  // First: what a process has opened stays open.
  test('without it the error says how to bring it', async () => {
    const error = await rejection(() => create(undefined), 'FORMAT_UNSUPPORTED')
    expect(error.message).toMatch(
      /^the model uses ferry::twice_plus, which this libtorch does not have; pass the library that registers it as libraries: \[\{ path, sha256 \}\]/,
    )
  })

  test('another file than the one that is vouched for is not opened', async () => {
    const changed = join(folder, 'changed.so')
    copyFileSync(library.path, changed)
    appendFileSync(changed, 'x')
    const error = await rejection(() => create([{ path: changed, sha256: library.sha256 }]), 'UNTRUSTED_CODE')
    expect(error.message).toMatch(/has the sha256 [0-9a-f]{64}, and the one that may run is/)
    expect(error.details).toMatchObject({ path: changed, pinned: library.sha256 })
    await rejection(() => create([{ path: join(folder, 'gone.so'), sha256: library.sha256 }]), 'NOT_FOUND')
  })

  test('one that faults as it is opened ends another process, not this one', async () => {
    const code = '__attribute__((constructor)) static void start() { __builtin_trap(); }'
    const faulty = vouched(await smallLibrary(folder, 'faulty', code))
    const error = await rejection(() => create([faulty]), 'BACKEND_UNAVAILABLE')
    expect(error.message).toMatch(/faulty\.so ended the process that it was tried in \(SIG(ILL|TRAP)\)/)
    const loud =
      '#include <cstdio>\n#include <cstdlib>\n__attribute__((constructor)) static void start() { fprintf(stderr, "first%040000d\\n", 0); fputs("no licence\\n", stderr); abort(); }'
    const ending = await rejection(
      async () => create([vouched(await smallLibrary(folder, 'loud', loud))]),
      'BACKEND_UNAVAILABLE',
    )
    expect(ending.message).toMatch(/\(SIGABRT\), and would have ended this one: .{0,400}no licence$/)
    // A stack of any length between its reason and its end leaves both.
    expect(ending.details).toMatchObject({ stderr: expect.stringMatching(/^first0+\n…\n0+\nno licence$/) })
  })

  test('one for another libtorch, and one that needs a library which is not there', async () => {
    const lacking = await smallLibrary(
      folder,
      'lacking',
      'extern "C" void of_torch_99(); void* use = (void*)of_torch_99;',
    )
    const error = await rejection(() => create([vouched(lacking)]), 'BACKEND_INCOMPATIBLE')
    expect(error.message).toMatch(/lacking\.so needs of_torch_99, which libtorch 2\.\d+\S* lacks; build it against/)
    const base = await smallLibrary(folder, 'libferrybase', 'extern "C" int base() { return 1; }', [
      '-Wl,-soname,libferrybase.so',
    ])
    const above = 'extern "C" int base(); int use = base();'
    const dependent = await smallLibrary(folder, 'dependent', above, [`-L${folder}`, '-lferrybase'])
    const missing = await rejection(() => create([vouched(dependent)]), 'BACKEND_INCOMPATIBLE')
    expect(missing.message).toMatch(
      /dependent\.so needs libferrybase\.so, which is not here; install it, or list it in libraries before this one/,
    )
    const forPython = await smallLibrary(folder, 'libtorch_python', 'int nothing;', ['-Wl,-soname,libtorch_python.so'])
    const vision = await smallLibrary(folder, 'vision', 'int one;', ['-Wl,--no-as-needed', forPython])
    expect((await rejection(async () => create([vouched(vision)]), 'BACKEND_INCOMPATIBLE')).message).toMatch(
      /(needs libtorch_python\.so, which is not here|lacks); it is built for Python: build its C\+\+ sources without Python/,
    )
    // In order it loads; the model still lacks its operator.
    await rejection(() => create([vouched(base), vouched(dependent)]), 'FORMAT_UNSUPPORTED')
  })

  test('with it the model runs, and so does the next session', async () => {
    const expected = { output0: tensor('float32', [2.5, -3.5]) }
    const session = await create([library])
    expect(await session.run({ x })).toEqual(expected)
    expect(session.runSync({ x })).toEqual(expected)
    const second = await create([library])
    expect(await second.run({ x })).toEqual(expected)
    await Promise.all([session.dispose(), second.dispose()])
  })

  test('a model that uses it reaches beyond tensors, and so wants trust as well', async () => {
    const untrusting = libtorch({ libtorch: libtorchRoot, libraries: [library] })
    const error = await rejection(() => untrusting.createSession({ artifact: usingOperator() }), 'UNTRUSTED_CODE')
    expect(error.message).toMatch(
      /^operator\.pt uses ferry::twice_plus \(code\/__torch__\.py, line 8: return ops\.ferry/,
    )
  })

  test('a second library with the same operators is refused, and the first goes on', async () => {
    const other = join(folder, 'other-version.so')
    copyFileSync(library.path, other)
    appendFileSync(other, 'x')
    const error = await rejection(() => create([vouched(other)]), 'BACKEND_INCOMPATIBLE')
    expect(error.message).toMatch(
      /other-version\.so registers the operators ferry::…, which another library of this process has registered/,
    )
    const session = await create([library])
    expect(await session.run({ x })).toEqual({ output0: tensor('float32', [2.5, -3.5]) })
    await session.dispose()
  })
})
