import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process with one model loaded, which answers a line for a line. */
export class Side {
  #child
  #lines
  /** @param {string} command @param {readonly string[]} args */
  constructor(command, args) {
    // Its own error stream is ours: a side that dies says why.
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }
  async next() {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.#child.spawnargs.slice(1, 4).join(' ')} ended with ${this.#child.exitCode}`)
    return JSON.parse(value)
  }
  ask(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
    return this.next()
  }
  end() {
    this.#child.stdin.end()
    return new Promise((resolve) => this.#child.once('exit', resolve))
  }

  /** Starts one; its first line is what it says of itself. */
  static async start(command, args) {
    const side = new Side(command, args)
    return Object.assign(side, { facts: await side.next() })
  }
}
