// The results of pnpm test:long, committed: which sweeps there are, when they last went well, and what they took.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { root } from './pnpm.mjs'

const FILE = join(root, 'tests', 'long-results.md')

const row = (file, test, status, seconds) => `| ${file} | ${test} | ${status} | ${seconds.toFixed(1)} |`

/** Writes the table from vitest's JSON report and pytest's JUnit one, in which all passed. */
export function writeLongResults(report, junit) {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  const rows = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, duration }) =>
      row(relative(root, name).replaceAll('\\', '/'), fullName, status, (duration ?? 0) / 1000),
    ),
  )
  for (const [, file, name, time] of readFileSync(junit, 'utf8').matchAll(
    /<testcase classname="([^"]*)" name="([^"]*)" time="([^"]*)"/g,
  )) {
    rows.push(row(`packages/exporter/${file.replaceAll('.', '/')}.py`, name, 'passed', Number(time)))
  }
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(
    FILE,
    `# Sweeps, in full

\`pnpm test:long\` wrote this on ${day}: Node ${process.versions.node}, ${process.platform} ${process.arch}, ${cpus().length} cores. \`npm test\` runs a part of each.

| file | test | | seconds |
|---|---|---|---|
${rows.sort().join('\n')}
`,
  )
  return relative(root, FILE)
}
