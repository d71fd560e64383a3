import { TensorferryError } from './errors.ts'

/** A parsed dim expression: its names, and its value once they are bound. */
export interface DimExpression {
  readonly names: readonly string[]
  evaluate(bound: Readonly<Record<string, number>>): number
}

type Node = (bound: Readonly<Record<string, number>>) => number

const TOKEN = /\s*(?:(\d+)|([A-Za-z_][A-Za-z0-9_]*)|(\/\/|[-+*%()]))/y

function tokenize(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (!match) throw invalid(text, `unexpected ${JSON.stringify(text[at])} at ${at}`)
    // Each may be a parenthesis, which the parser enters.
    if (tokens.push(match[1] ?? match[2] ?? match[3]!) > 500) throw invalid(text, 'too long')
  }
  return tokens
}

function invalid(text: string, reason: string): TensorferryError {
  return new TensorferryError(
    'BUNDLE_INVALID',
    `dim ${JSON.stringify(text.slice(0, 80))}: ${reason}; expected names, whole numbers, + - * // % and parentheses`,
    { details: { dim: text } },
  )
}

/** Division and remainder round towards minus infinity, as Python's do. */
const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '//': (a, b) => Math.floor(a / b),
  '%': (a, b) => a - b * Math.floor(a / b),
}

function parse(text: string): DimExpression {
  const tokens = tokenize(text)
  const names = new Set<string>()
  let position = 0

  const operand = (): Node => {
    const token = tokens[position++]
    if (token === undefined) throw invalid(text, 'ends too early')
    if (token === '-') {
      const inner = operand()
      return (bound) => -inner(bound)
    }
    if (token === '(') {
      const inner = binary(0)
      if (tokens[position++] !== ')') throw invalid(text, 'expected )')
      return inner
    }
    if (/^\d/.test(token)) {
      const value = Number(token)
      return () => value
    }
    if (!/^[A-Za-z_]/.test(token)) throw invalid(text, `unexpected ${JSON.stringify(token)}`)
    names.add(token)
    return (bound) => bound[token] ?? Number.NaN
  }
  const LEVELS = [
    ['+', '-'],
    ['*', '//', '%'],
  ]
  const binary = (level: number): Node => {
    const next = (): Node => (level + 1 < LEVELS.length ? binary(level + 1) : operand())
    let left = next()
    for (;;) {
      const token = tokens[position]
      if (token === undefined || !LEVELS[level]!.includes(token)) return left
      position++
      const a = left
      const b = next()
      const apply = OPERATORS[token]!
      left = (bound) => apply(a(bound), b(bound))
    }
  }

  const root = binary(0)
  if (position !== tokens.length) throw invalid(text, `unexpected ${JSON.stringify(tokens[position])}`)
  return { names: [...names], evaluate: root }
}

const parsed = new Map<string, DimExpression>()

/**
 * Parses a dim expression: `+ - * // % ( )` over whole numbers and names, with Python's meaning.
 *
 * @param text - such as `3*height` or `(height - 1)//2 + 1`
 * @throws TensorferryError `BUNDLE_INVALID` when it is not such an expression
 */
export function parseDim(text: string): DimExpression {
  let expression = parsed.get(text)
  if (!expression) {
    expression = parse(text)
    // Bounded, for a server that loads many models in one life.
    if (parsed.size > 1000) parsed.clear()
    parsed.set(text, expression)
  }
  return expression
}

/** A name alone, as against an expression. */
export function isDimName(dim: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(dim)
}
