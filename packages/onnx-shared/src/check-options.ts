import { TensorferryError } from '@tensorferry/core'

/** What is expected of a value; null: it is right. */
export type Check = (value: unknown) => string | null

/** One of some words. */
export const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? null : `one of ${values.map((name) => JSON.stringify(name)).join(', ')}`

/** A boolean or a text. */
export const isType =
  (type: 'boolean' | 'string'): Check =>
  (value) =>
    typeof value === type ? null : `a ${type}`

/** A whole number from `min` on. */
export const wholeFrom =
  (min: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min ? null : `a whole number, at least ${min}`

/** Looked at elsewhere. */
export const anything: Check = () => null

/** A provider by its name or with settings of its own. */
interface NamedProvider {
  readonly name: string
}

/** The known name that was most likely meant: `nearestName` of `@tensorferry/core/names`. */
type FindNearest = (name: string, known: readonly string[]) => string | null

/** Checks the options of one factory. */
export class OptionChecker {
  readonly #factory: string
  readonly #findNearest: FindNearest

  /**
   * @param factory - begins each message
   * @param findNearest - left out where it would be downloaded by every page for the day of a typing error
   */
  constructor(factory: string, findNearest: FindNearest = () => null) {
    this.#factory = factory
    this.#findNearest = findNearest
  }

  /** @throws TensorferryError `OPTIONS_INVALID` */
  refuse(message: string, details: Record<string, unknown>): never {
    throw new TensorferryError('OPTIONS_INVALID', `${this.#factory}: ${message}`, { details })
  }

  /**
   * Checks an object of options, each by itself.
   *
   * @param where - what is checked, such as `sessionOptions`; empty: the factory's own options
   * @throws TensorferryError `OPTIONS_INVALID` for an unknown name (with the nearest right one) or a wrong value
   */
  check(where: string, value: unknown, checks: Readonly<Record<string, Check>>, known = Object.keys(checks)): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
      this.refuse(`${where || 'options'}: expected an object, got ${got}`, {})
    }
    for (const [key, entry] of Object.entries(value)) {
      if (!known.includes(key)) {
        const nearest = this.#findNearest(key, known)
        const advice = nearest ? `, did you mean '${nearest}'?` : '.'
        const place = where ? `${where}: ` : ''
        this.refuse(`${place}unknown option '${key}'${advice} Known options: ${known.join(', ')}`, {
          option: key,
          nearest,
          known,
        })
      }
      const expected = entry === undefined ? null : checks[key]!(entry)
      if (expected !== null) {
        const got = JSON.stringify(entry) ?? String(entry)
        this.refuse(`${where ? `${where}.` : ''}${key}: expected ${expected}, got ${got}`, { option: key })
      }
    }
  }

  /**
   * Checks one provider or a list of them.
   *
   * @param settings - the known providers, and the settings that each has
   * @param checks - of all settings
   * @throws TensorferryError `OPTIONS_INVALID`
   */
  providers<P extends NamedProvider>(
    given: unknown,
    settings: Readonly<Record<P['name'], readonly string[]>>,
    checks: Readonly<Record<string, Check>>,
  ): readonly P[] {
    const names = Object.keys(settings)
    const resolve = (provider: unknown): P => {
      const name = typeof provider === 'string' ? provider : (provider as Partial<NamedProvider> | null)?.name
      if (typeof name !== 'string' || !Object.hasOwn(settings, name)) {
        const nearest = typeof name === 'string' ? this.#findNearest(name, names) : null
        const advice = nearest ? `; did you mean ${nearest}?` : ''
        this.refuse(`provider: expected one of ${names.join(', ')}, got ${JSON.stringify(name ?? provider)}${advice}`, {
          option: 'provider',
          nearest,
          known: names,
        })
      }
      if (typeof provider === 'string') return { name } as P
      this.check(`provider ${name}`, provider, checks, ['name', ...settings[name as P['name']]])
      return { ...(provider as P) }
    }
    const providers = (Array.isArray(given) ? given : [given]).map(resolve)
    if (providers.length === 0) {
      this.refuse('provider: expected at least one provider, got an empty list', { option: 'provider' })
    }
    return providers
  }
}
