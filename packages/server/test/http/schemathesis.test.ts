import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { peerProgram } from '../../../../tests/serving/python-venv.ts'
import { bundlePath } from '../load-models.ts'
import { ask, startServer } from './start-server.ts'

/** Every answer is one of the description, in the form that it says, and none is an error of the server's. */
const CHECKS =
  'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method'

/** A time that a client asks for and that is over, such as `timeout: 1` microsecond, is no fault of the server's. */
const TIMED_OUT = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 504]'
/** The time in the header is always granted: requests get as far as the model. */
const HEADERS = '"header.Tensorferry-Timeout-Ms" = "60000"'
const NAMES = '"path.model" = "digits"\n"path.version" = "1.0.0"'

async function fuzz(url: string, parameters: string, options: readonly string[]): Promise<string> {
  const program = await peerProgram('schemathesis', 'schemathesis')
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-fuzz-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const config = join(folder, 'schemathesis.toml')
  await writeFile(config, `${TIMED_OUT}\n[parameters]\n${parameters}\n`)
  const common = ['--generation-deterministic', '--continue-on-failure', '--no-color', '--checks', CHECKS]
  const all = ['--config-file', config, 'run', `${url}/openapi.json`, ...common, ...options]
  return new Promise((resolve) => {
    execFile(program, all, { cwd: folder, maxBuffer: 2 ** 26 }, (error, stdout) => {
      resolve(error ? `exit ${error.code}\n${stdout}` : stdout)
    })
  })
}

test('schemathesis finds no answer that the description does not have, and no 5xx', { timeout: 600_000 }, async () => {
  const server = await startServer({ models: [bundlePath('digits')], repositoryToken: 'token' })
  const named = await fuzz(server.url, `${HEADERS}\n${NAMES}`, ['--max-examples', '25'])
  expect(named).not.toMatch(/^exit/)
  expect(named).toMatch(/Tested: +29/)
  // Names are made up as well, and the token is right; what is loaded stays.
  const token = ['-H', 'Authorization: Bearer token', '--exclude-operation-id', 'unload']
  const unnamed = await fuzz(server.url, HEADERS, [...token, '--phases', 'fuzzing', '--max-examples', '10'])
  expect(unnamed).not.toMatch(/^exit/)
  const metrics = (await ask(server, '/metrics')).bytes.toString()
  // It got as far as the model.
  expect(metrics).toMatch(/tensorferry_requests_total\{.*operation="predict",model="digits",code="OK"\}/)
  expect(metrics).toMatch(/tensorferry_requests_total\{.*operation="infer",model="digits",code="INPUT_INVALID"\}/)
  expect(metrics).not.toContain('code="RUNTIME_FAILED"')
})
