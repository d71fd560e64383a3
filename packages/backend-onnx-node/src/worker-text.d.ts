/** `worker.ts` built into one script of CommonJS, as text: tsup puts it there. */
declare module 'worker-text' {
  const text: string
  export default text
}
