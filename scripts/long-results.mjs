// The results of pnpm test:long, committed: which sweeps there are, when they last went well, and what they took.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { root } from './pnpm.mjs'

const FILE = join(root, 'tests', 'long-results.md')

/** Writes the table from vitest's JSON report. */
export function writeLongResults(report) {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  const rows = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(
      ({ fullName, status, duration }) =>
        `| ${relative(root, name).replaceAll('\\', '/')} | ${fullName} | ${status} | ${((duration ?? 0) / 1000).toFixed(1)} |`,
    ),
  )
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
