import { connect } from 'node:net'

/** One connection that sends a request and reads its reply (Content-Length or chunked); it connects again when it was closed. */
export class Connection {
  #port
  #socket = null
  #pending = null
  #received = Buffer.alloc(0)

  constructor(port) {
    this.#port = port
  }

  /** @returns {Promise<{ status: number, body: Buffer }>} rejects when the connection breaks before the reply is whole */
  send(request) {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
      if (this.#socket === null) this.#open()
      this.#socket.write(request)
    })
  }

  /** Breaks off; a reply that is waited for is lost. */
  close() {
    const socket = this.#socket
    if (socket) this.#fail(socket, new Error('closed here'))
    socket?.destroy()
  }

  #open() {
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    this.#received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#read(socket)
    })
    socket.on('error', (error) => this.#fail(socket, error))
    socket.on('close', () => this.#fail(socket, new Error('the connection was closed')))
    this.#socket = socket
  }

  #fail(socket, error) {
    if (this.#socket !== socket) return
    this.#socket = null
    this.#pending?.reject(error)
    this.#pending = null
  }

  #read(socket) {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0 || this.#pending === null) return
    const head = this.#received.toString('latin1', 0, end).toLowerCase()
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1]
    const body =
      length === undefined ? unchunk(this.#received, end + 4) : whole(this.#received, end + 4, Number(length))
    if (body === null) return
    const { resolve } = this.#pending
    this.#pending = null
    this.#received = Buffer.alloc(0)
    // gunicorn's workers close after each reply.
    if (/\r\nconnection: *close/.test(head)) {
      this.#socket = null
      socket.destroy()
    }
    resolve({ status: Number(head.slice(9, 12)), body })
  }
}

const whole = (bytes, start, length) => (bytes.length < start + length ? null : bytes.subarray(start, start + length))

function unchunk(bytes, start) {
  const parts = []
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (bytes.length < line + 2 + size + 2) return null
    if (size === 0) return Buffer.concat(parts)
    parts.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}
