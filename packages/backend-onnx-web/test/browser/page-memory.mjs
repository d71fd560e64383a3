import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

async function residentMemory({ id }) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${id}/status`, 'utf8'))[1]) / 1024
}

/** The browser's own process, which holds what a page keeps as blobs, and the page's, with its workers. */
async function measure(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const ofType = (wanted) => Promise.all(processInfo.filter(({ type }) => type === wanted).map(residentMemory))
  const [[browser], pages] = await Promise.all([ofType('browser'), ofType('renderer')])
  // Chromium keeps an empty one at hand, which comes and goes.
  return browser + Math.max(...pages)
}

/**
 * Memory that a browser, a page and its workers take of the machine, once garbage is collected and it changes no more: ended
 * workers give theirs back little by little. Not `measureUserAgentSpecificMemory`, which may not answer while a worker ends.
 *
 * @param {import('playwright-core').Page} page - the only one of its browser, on Linux. With a profile on disk: what a browser
 *   stores without one lies in its memory
 * @returns {Promise<number>} MB of resident memory
 */
export async function settledMemory(page) {
  const pageTools = await page.context().newCDPSession(page)
  const browserTools = await page.context().browser().newBrowserCDPSession()
  let memory = Number.POSITIVE_INFINITY
  for (let before = 0; Math.abs(memory - before) > 1; await setTimeout(500)) {
    before = memory
    await pageTools.send('HeapProfiler.collectGarbage')
    memory = await measure(browserTools)
  }
  await Promise.all([pageTools.detach(), browserTools.detach()])
  return memory
}
