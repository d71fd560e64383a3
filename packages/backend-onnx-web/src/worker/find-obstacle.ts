/** Why WebGPU or WebNN cannot work here, found out without loading anything. */
export async function findObstacle(name: string): Promise<string | null> {
  if (!('Suspending' in WebAssembly)) {
    return 'this browser’s WebAssembly cannot wait for a GPU (JavaScript Promise Integration is missing)'
  }
  const offered = navigator as {
    gpu?: { requestAdapter(): Promise<unknown> }
    ml?: { createContext(): Promise<unknown> }
  }
  if (name === 'webgpu') {
    if (!offered.gpu) return 'this browser has no WebGPU here, which needs https'
    return (await offered.gpu.requestAdapter()) ? null : 'WebGPU has no adapter on this machine'
  }
  if (!offered.ml) return 'this browser has no WebNN'
  return offered.ml.createContext().then(
    () => null,
    (error: Error) => `WebNN gives no context (${error.message})`,
  )
}
