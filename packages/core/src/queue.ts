/** What waits in a queue, at its place; {@link Queue.remove} takes it out. */
export interface Place<T> {
  /** What waits. */
  readonly value: T
}

class Link<T> implements Place<T> {
  readonly value: T
  queue: Queue<T> | null
  before: Link<T> | null
  after: Link<T> | null = null

  constructor(value: T, queue: Queue<T>, before: Link<T> | null) {
    this.value = value
    this.queue = queue
    this.before = before
  }
}

/**
 * What waits, first in, first out; any of it can leave, in constant time.
 *
 * Not a Set or a Map: V8 makes them a new table again and again as they fill and empty, and each old table points to the next
 * one. Once one of them is old, all that ever waits lives until the next full collection. Here what has left points to nothing.
 */
export class Queue<T> {
  #first: Link<T> | null = null
  #last: Link<T> | null = null
  #size = 0

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** The one that waits longest; undefined: none waits. */
  get first(): T | undefined {
    return this.#first?.value
  }

  /** Puts it at the end. */
  add(value: T): Place<T> {
    const link = new Link(value, this, this.#last)
    if (this.#last === null) this.#first = link
    else this.#last.after = link
    this.#last = link
    this.#size++
    return link
  }

  /** Takes out the one that waits longest; undefined: none waits. */
  take(): T | undefined {
    const first = this.#first
    if (first === null) return undefined
    this.#unlink(first)
    return first.value
  }

  /** Takes everything out, in its order. */
  takeAll(): T[] {
    const all: T[] = []
    while (this.#first !== null) all.push(this.take()!)
    return all
  }

  /** Takes it out, wherever it is; false: it did not wait here any more. */
  remove(place: Place<T>): boolean {
    const link = place as Link<T>
    if (link.queue !== this) return false
    this.#unlink(link)
    return true
  }

  /** Those that wait, in their order; the queue is not to be changed meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let link = this.#first; link !== null; link = link.after) yield link.value
  }

  #unlink(link: Link<T>): void {
    const { before, after } = link
    if (before === null) this.#first = after
    else before.after = after
    if (after === null) this.#last = before
    else after.before = before
    // An old link that has left would keep the young ones behind it.
    link.queue = link.before = link.after = null
    this.#size--
  }
}
