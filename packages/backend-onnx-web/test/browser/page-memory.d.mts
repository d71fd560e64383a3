import type { Page } from 'playwright-core'

/** MB that a browser, a page and its workers take, once that changes no more; Linux. */
export function settledMemory(page: Page): Promise<number>
