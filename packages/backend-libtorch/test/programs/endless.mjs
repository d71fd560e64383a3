// node endless.mjs <libtorch root> <how>: a run that does not end, as far as anybody waits, and an end in the given way.
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { loadModel, tensor } from '@tensorferry/core'

const [root, how] = process.argv.slice(2)
const slow = fileURLToPath(new URL('../fixtures/slow.pt', import.meta.url))
const backend = libtorch({ libtorch: root, disposeMs: 200 })
const inputsOf = (repeats) => ({
  x: tensor('float32', new Float32Array(64 * 256).fill(1), [64, 256]),
  repeats: tensor('int64', [repeats], []),
})

const model = await loadModel(slow, { backend })
const endless = model.run(inputsOf(2 ** 40), how === 'left' ? { timeoutMs: 100 } : {})
const told = endless.catch(({ code, message }) => {
  console.log(code, /its thread and the model's memory stay until it ends/.test(message))
})

if (how === 'exit') {
  setTimeout(() => process.exit(3), 200)
} else {
  if (how === 'left') await told
  await model.dispose()
  console.log('disposed')
  await told
  // The cores are free again.
  const other = await loadModel(slow, { backend })
  await other.run(inputsOf(1))
  await other.dispose()
  console.log('another ran')
}
