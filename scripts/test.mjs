// Runs the tests: everything (what CI runs), --unit (under a minute, no Python), or --long (what takes too long for CI).
// Every check counts as one test beside vitest's and pytest's own; the last line is the sum.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, install, root } from './pnpm.mjs'
import { ensurePython } from './python.mjs'

const HELP = `Usage: npm test [-- options]

  npm test              everything: checks, unit and workspace tests, Python
  pnpm test:unit        unit tests of the packages alone, under a minute, no Python
  pnpm test:long        what takes too long for every run
  npm test -- NAME      only checks and test files whose name contains NAME

Environment: CI=true turns a test that cannot run here into a failure; TENSORFERRY_PYTHON names a ready Python.`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP)
  process.exit(0)
}
const mode = args.includes('--unit') ? 'unit' : args.includes('--long') ? 'long' : 'all'
const filter = args.find((arg) => !arg.startsWith('-'))
const results = join(root, '.cache', 'test-results')
rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })

const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const seconds = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`

/** Runs a program quietly and shows what it printed only when it failed. */
function runQuietly(command, commandArgs) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, {
      cwd: root,
      shell: process.platform === 'win32',
      env: { ...process.env, FORCE_COLOR: '0' },
    })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.once('error', (error) => resolve({ code: 1, output: String(error) }))
    child.once('exit', (code) => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }))
  })
}

async function check(name, command, commandArgs) {
  if (filter && !name.includes(filter)) return
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

const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Runs vitest with its own output, and counts from its JSON report. */
async function vitest(projects) {
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
      ...(filter ? [filter, '--passWithNoTests'] : []),
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

/** Runs pytest with its own output, and counts from its JUnit report. */
function pytest(python) {
  if (filter && !'python'.includes(filter)) return
  const report = join(results, 'pytest.xml')
  const run = spawnSync(python, ['-m', 'pytest', '-q', 'packages/exporter', `--junitxml=${report}`], {
    cwd: root,
    stdio: 'inherit',
  })
  const suite = existsSync(report) ? /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] : undefined
  const count = (name) => Number(new RegExp(`${name}="(\\d+)"`).exec(suite ?? '')?.[1] ?? 0)
  const failed = count('failures') + count('errors')
  if (!suite || (run.status !== 0 && failed === 0)) {
    total.failed++
    failures.push('pytest did not finish')
  }
  total.failed += failed
  total.skipped += count('skipped')
  total.passed += count('tests') - failed - count('skipped')
  if (failed > 0) failures.push(`${failed} in pytest`)
}

const start = performance.now()
await install()
await build(['core', 'backend-onnx-node', 'backend-onnx-web'], { types: mode !== 'unit' })

if (mode === 'unit') {
  await vitest(['core', 'onnx-node'])
} else if (mode === 'long') {
  await vitest(['long'])
} else {
  const python = await ensurePython()
  console.log('Checks')
  await check('biome: lint and format', bin('biome'), ['check', '.'])
  for (const project of ['.', 'packages/core', 'packages/backend-onnx-node', 'packages/backend-onnx-web']) {
    await check(`types: ${project === '.' ? 'workspace' : project}`, bin('tsc'), ['-p', project])
  }
  await check('knip: nothing unused', bin('knip'), [])
  await check('typedoc: everything exported is documented', bin('typedoc'), ['--emit', 'none'])
  await check('schema: bundle.schema.json is up to date', bin('tsx'), ['scripts/bundle-schema.ts', '--check'])
  await check('ruff: lint', python, ['-m', 'ruff', 'check', 'packages/exporter', 'packages/core/test', 'examples'])
  await check('ruff: format', python, [
    '-m',
    'ruff',
    'format',
    '--check',
    'packages/exporter',
    'packages/core/test',
    'examples',
  ])
  await check('goldens: halves are PyTorch’s', python, ['packages/core/test/goldens/make_half_goldens.py', '--check'])
  await check('goldens: pipeline steps are Pillow’s and torchvision’s', python, [
    'packages/core/test/goldens/make_pipeline_goldens.py',
    '--check',
  ])
  process.env.TENSORFERRY_PYTHON = python
  await vitest(['core', 'onnx-node', 'onnx-web', 'examples', 'workspace'])
  pytest(python)
}

console.log(`\nFinished in ${seconds(start)}${total.skipped ? `, ${total.skipped} skipped` : ''}`)
if (process.env.CI === 'true' && total.skipped > 0) {
  total.failed += total.skipped
  failures.push(`${total.skipped} skipped: with CI=true everything has to run`)
}
for (const name of failures) console.log(`  failed: ${name}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
