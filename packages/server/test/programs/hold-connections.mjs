// Opens many connections to a server, prints `open` when all are, and says nothing on them until its input ends.
import { connect } from 'node:net'

const [, , url, count] = process.argv
const { hostname, port } = new URL(url)
// In portions: a backlog holds a few hundred.
for (let opened = 0; opened < Number(count); opened += 200) {
  await Promise.all(
    Array.from({ length: 200 }, () => {
      const socket = connect(Number(port), hostname)
      return new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    }),
  )
}
console.log('open')
process.stdin.resume().once('end', () => process.exit(0))
