// Runs the tests: everything (what CI runs), --unit (under a minute, no Python), or --long (the sweeps, in full).
// Every check counts as one test beside vitest's and pytest's own; the last line is the sum.
// What waits for the network runs beside what compiles, and pytest beside all: docs/decisions/test-time.md.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { writeLongResults } from './long-results.mjs'
import { build, install, PACKAGES, root, runQuietly, SHARED } from './pnpm.mjs'
import { ensurePython, PYTHON_FOLDERS, readyPython } from './python.mjs'

const HELP = `Usage: npm test [-- options]

  npm test              everything: checks, unit and workspace tests, Python
  pnpm test:unit        unit tests of the packages alone, under a minute, no Python
  pnpm test:long        sweeps of which npm test runs a part, in full; writes tests/long-results.md
  npm test -- NAME      only checks and test files whose name contains NAME
  npm test -- --prepare installs and builds what the tests need, and runs none

Environment: CI=true turns a test that cannot run here into a failure; TENSORFERRY_PYTHON names a ready Python.`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP)
  process.exit(0)
}
const mode = args.includes('--unit') ? 'unit' : args.includes('--long') ? 'long' : 'all'
const isPreparing = args.includes('--prepare')
const filter = args.find((arg) => !arg.startsWith('-'))
const results = join(root, '.cache', 'test-results')
if (!isPreparing) rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })

/** On two cores vitest would take one file at a time, and many a test waits for another program. */
const LANES = Math.max(2, availableParallelism() - 1)

const PROJECTS = ['core', 'onnx-node', 'libtorch', 'onnx-web', 'cli', 'server', 'examples', 'workspace']

const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const seconds = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`

async function check(name, command, commandArgs) {
  const start = performance.now()
  const { code, output } = await runQuietly(command, commandArgs)
  if (code === 0) {
    total.passed++
    console.log(`  ok      ${name} (${seconds(start)})`)
    return
  }
  total.failed++
  failures.push(name)
  console.log(`  FAILED  ${name} (${seconds(start)})\n${output.trimEnd().replace(/^/gm, '          ')}`)
}

/** Several at a time: each keeps one core busy, and may take a gigabyte. */
async function runChecks(wanted, commands) {
  const waiting = [...wanted]
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await check(next.name, commands[next.tool] ?? bin(next.tool), next.args)
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, 4) }, lane))
}

const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Runs vitest with its own output, and counts from its JSON report. */
async function vitest(projects, filters = filter ? [filter] : []) {
  const report = join(results, 'vitest.json')
  const projectArgs = projects.flatMap((name) => ['--project', name])
  const run = spawnSync(
    bin('vitest'),
    [
      'run',
      ...projectArgs,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      `--maxWorkers=${LANES}`,
      ...filters,
      ...(filter ? ['--passWithNoTests'] : []),
    ],
    { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' },
  )
  if (!existsSync(report)) {
    total.failed++
    failures.push('vitest wrote no report')
    return
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'))
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((result) => result.status !== 'failed'),
  )
  total.passed += numPassedTests
  total.failed += numFailedTests + broken.length
  total.skipped += numPendingTests
  for (const file of testResults) {
    for (const result of file.assertionResults) if (result.status === 'failed') failures.push(result.fullName)
  }
  for (const file of broken) failures.push(file.name.slice(root.length))
  // Such as an unhandled rejection, which no single test owns.
  if (run.status !== 0 && numFailedTests + broken.length === 0) {
    total.failed++
    failures.push('vitest ended with an error outside the tests')
  }
}

const PYTEST_FOLDER = 'packages/exporter/tests'
const PYTEST_REPORT = join(results, 'pytest.xml')

/** Those that read TENSORFERRY_LONG, as `tests/sweep.ts` does. */
const PYTHON_SWEEPS = [`${PYTEST_FOLDER}/test_transformers.py`]

/** Test files of the exporter that the filter names; `python` names them all. */
function pytestFiles() {
  const files = readdirSync(join(root, PYTEST_FOLDER)).filter((name) => /^test_.*\.py$/.test(name))
  const isWanted = (name) => !filter || 'python'.includes(filter) || name.includes(filter)
  return files.filter(isWanted).map((name) => `${PYTEST_FOLDER}/${name}`)
}

/** Test files with a sweep, of which `npm test` runs a part. */
function sweepFiles() {
  const found = spawnSync('git', ['grep', '-l', '-F', "sweep.ts'", '--', '*.test.ts'], { cwd: root, encoding: 'utf8' })
  return found.stdout.split('\n').filter(Boolean)
}

/**
 * Starts pytest beside everything else: it needs no package of npm. Its output goes to a file and is shown when all has
 * ended; what passed is counted from its JUnit report.
 *
 * @returns waits for the end
 */
function startPytest(python, files) {
  const log = join(results, 'pytest.log')
  console.log(`pytest runs beside what follows; its output comes at the end: ${relative(root, log)}`)
  const output = openSync(log, 'w')
  const child = spawn(python, ['-m', 'pytest', '-q', ...files, `--junitxml=${PYTEST_REPORT}`], {
    cwd: root,
    stdio: ['ignore', output, output],
  })
  const ended = new Promise((resolve) => {
    child.once('error', () => resolve(null))
    child.once('exit', resolve)
  })
  return async () => {
    const code = await ended
    closeSync(output)
    process.stdout.write(readFileSync(log))
    const suite = existsSync(PYTEST_REPORT)
      ? /<testsuite [^>]*>/.exec(readFileSync(PYTEST_REPORT, 'utf8'))?.[0]
      : undefined
    const count = (name) => Number(new RegExp(`${name}="(\\d+)"`).exec(suite ?? '')?.[1] ?? 0)
    const failed = count('failures') + count('errors')
    if (!suite || (code !== 0 && failed === 0)) {
      total.failed++
      failures.push('pytest did not finish')
    }
    total.failed += failed
    total.skipped += count('skipped')
    total.passed += count('tests') - failed - count('skipped')
    if (failed > 0) failures.push(`${failed} in pytest`)
  }
}

const projects = ['.', 'examples/playground', ...[...PACKAGES, ...SHARED].map((name) => `packages/${name}`)]
const types = projects.map((project) => ({
  name: `types: ${project === '.' ? 'workspace' : project}`,
  tool: 'tsc',
  args: ['-p', project],
}))
/** Each runs a tool of node_modules/.bin, Node or Python. The longest begin first. */
const checks = [
  { name: 'biome: lint and format', tool: 'biome', args: ['check', '.'] },
  { name: 'typedoc: everything exported is documented', tool: 'typedoc', args: ['--emit', 'none'] },
  {
    name: 'goldens: pipeline steps are Pillow’s and torchvision’s',
    tool: 'python',
    args: ['packages/core/test/goldens/make_pipeline_goldens.py', '--check'],
  },
  ...types,
  { name: 'knip: nothing unused', tool: 'knip', args: [] },
  { name: 'schema: bundle.schema.json is up to date', tool: 'tsx', args: ['scripts/bundle-schema.ts', '--check'] },
  {
    name: 'prebuilt: the loops in WebAssembly are what their source compiles to',
    tool: 'node',
    args: ['packages/core/scripts/build-wasm.mjs', '--check'],
  },
  {
    name: 'prebuilt: the picture decoders are of the sources that are here',
    tool: 'node',
    args: ['packages/core/scripts/build-decoders.mjs', '--stamp'],
  },
  {
    name: 'prebuilt: the AOTInductor addons are of the sources that are here',
    tool: 'node',
    args: ['packages/backend-libtorch/scripts/build-aot-addon.mjs', '--stamp'],
  },
  {
    name: 'operators: what TorchScript may use is PyTorch’s list',
    tool: 'python',
    args: ['packages/backend-libtorch/scripts/make_operators.py', '--check'],
  },
  { name: 'ruff: lint', tool: 'python', args: ['-m', 'ruff', 'check', ...PYTHON_FOLDERS] },
  { name: 'ruff: format', tool: 'python', args: ['-m', 'ruff', 'format', '--check', ...PYTHON_FOLDERS] },
  {
    name: 'goldens: halves are PyTorch’s',
    tool: 'python',
    args: ['packages/core/test/goldens/make_half_goldens.py', '--check'],
  },
  {
    name: 'goldens: the probes of browsers are Pillow’s',
    tool: 'python',
    args: ['packages/core/test/goldens/make_probe_pictures.py', '--check'],
  },
]

/** Minutes of a compiler, and the same bytes as long as their stamp holds. */
const longChecks = [
  {
    name: 'prebuilt: the AOTInductor addons are what their sources compile to',
    tool: 'node',
    args: ['packages/backend-libtorch/scripts/build-aot-addon.mjs', '--check'],
  },
]

const start = performance.now()
const ofMode = { unit: [], long: longChecks, all: checks }[mode]
const wanted = ofMode.filter(({ name }) => !filter || name.includes(filter))
const files = isPreparing ? [] : { unit: [], long: PYTHON_SWEEPS, all: pytestFiles() }[mode]
const needsPython = mode === 'long' || files.length > 0 || wanted.some(({ tool }) => tool === 'python')

if (mode === 'long') process.env.TENSORFERRY_LONG = '1'

/** The Python of the tests, or null; a pytest that is wanted has begun. */
async function preparePython() {
  const python = needsPython ? await ensurePython() : readyPython()
  if (python) {
    process.env.TENSORFERRY_PYTHON = python
    // The tests of libtorch build its addon: with the machine's CMake, else with the one that pip put beside Python.
    process.env.PATH = [process.env.PATH, dirname(python)].join(delimiter)
  }
  return { python, endOfPytest: files.length > 0 ? startPytest(python, files) : null }
}

async function preparePackages() {
  await install()
  await build(PACKAGES, { types: mode !== 'unit' })
}

const [{ python, endOfPytest }] = await Promise.all([mode === 'unit' ? {} : preparePython(), preparePackages()])
if (isPreparing) {
  console.log(`Ready in ${seconds(start)}`)
  process.exit(0)
}
if (mode === 'unit') {
  await vitest(['core', 'onnx-node'])
} else if (mode === 'long') {
  await runChecks(wanted, { node: process.execPath, python })
  await vitest(PROJECTS, sweepFiles())
  await endOfPytest?.()
  if (total.failed === 0) console.log(`Written: ${writeLongResults(join(results, 'vitest.json'), PYTEST_REPORT)}`)
} else {
  if (wanted.length > 0) console.log('Checks')
  await runChecks(wanted, { node: process.execPath, python })
  await vitest(PROJECTS)
  await endOfPytest?.()
}

console.log(`\nFinished in ${seconds(start)}${total.skipped ? `, ${total.skipped} skipped` : ''}`)
if (process.env.CI === 'true' && total.skipped > 0) {
  total.failed += total.skipped
  failures.push(`${total.skipped} skipped: with CI=true everything has to run`)
}
for (const name of failures) console.log(`  failed: ${name}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
