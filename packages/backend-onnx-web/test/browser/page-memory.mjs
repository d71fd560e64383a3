import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

/** The largest is the page's, with its workers; Chromium keeps an empty one at hand, which comes and goes. */
async function largestProcess(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const pages = processInfo.filter(({ type }) => type === 'renderer')
  const statuses = await Promise.all(pages.map(({ id }) => readFile(`/proc/${id}/status`, 'utf8')))
  return Math.max(...statuses.map((status) => Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) / 1024))
}

/**
 * Memory that a page and its workers take of the machine, once garbage is collected and it changes no more: ended workers
 * give theirs back little by little. Not `measureUserAgentSpecificMemory`, which may not answer while a worker ends.
 *
 * @param {import('playwright-core').Page} page - the only one of its browser, on Linux
 * @returns {Promise<number>} MB of resident memory
 */
export async function settledMemory(page) {
  const pageTools = await page.context().newCDPSession(page)
  const browserTools = await page.context().browser().newBrowserCDPSession()
  let memory = Number.POSITIVE_INFINITY
  for (let before = 0; Math.abs(memory - before) > 1; await setTimeout(500)) {
    before = memory
    await pageTools.send('HeapProfiler.collectGarbage')
    memory = await largestProcess(browserTools)
  }
  await Promise.all([pageTools.detach(), browserTools.detach()])
  return memory
}
