/** WebAssembly as base64: tsup puts it into a file of its own, as text, so that no bundler has to carry a binary. */
declare module '*.wasm' {
  const base64: string
  export default base64
}
