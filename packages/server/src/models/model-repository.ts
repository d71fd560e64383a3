import { TensorferryError } from '@tensorferry/core'
import { unknownName } from '@tensorferry/core/names'
import type { Logger } from 'pino'
import type { MeasuredModel, Metrics } from '../observe/metrics.ts'
import type { ResolvedModelOptions, ServerEvent } from '../options.ts'
import type { PipelinePool } from '../pipeline/pipeline-pool.ts'
import { findModels } from './find-models.ts'
import type { LoadedModel } from './loaded-model.ts'
import { ModelSlot } from './model-slot.ts'
import type { ModelEntry, ModelRepository } from './repository.ts'
import type { ServedModel } from './served-model.ts'
import { newestFirst } from './versions.ts'

/** What the parts of a repository share. */
export interface RepositorySurroundings {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly pipelines: PipelinePool
  emit(event: ServerEvent): void
  /** Another model answers than before, or one is counted on no longer. */
  onChange(): void
}

/** What {@link LoadedModels} is made of. */
export interface RepositoryOptions extends RepositorySurroundings {
  readonly models: readonly ResolvedModelOptions[]
  /** Milliseconds between two looks at the disk; null: none. */
  readonly watchMs: number | null
}

/** The models of a server, found on disk or at their URLs, loaded, watched and replaced. */
export class LoadedModels implements ModelRepository {
  readonly #options: RepositoryOptions
  readonly #surroundings: RepositorySurroundings
  /** By the entry of the options that they come from. */
  readonly #slots = new Map<ResolvedModelOptions, ModelSlot[]>()
  /** Those that are ready, the newest first: asked for with every request. */
  #ready = new Map<string, readonly LoadedModel[]>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isClosed = false
  readonly #loading = new AbortController()
  #looking: Promise<void> = Promise.resolve()

  constructor(options: RepositoryOptions) {
    this.#options = options
    this.#surroundings = {
      ...options,
      onChange: () => {
        this.#collectReady()
        options.onChange()
      },
    }
  }

  /** Looks for the models, and loads none. @throws TensorferryError `NOT_FOUND`, `OPTIONS_INVALID` */
  async find(): Promise<void> {
    for (const options of this.#options.models) await this.#find(options)
  }

  /**
   * Loads what was found, then begins to watch. A version that fails beside one that is ready is told and left out.
   *
   * @throws TensorferryError what the first model threw of which no version is ready
   */
  async loadAll(): Promise<void> {
    const slots = this.#allSlots()
    const results = await Promise.allSettled(slots.map((slot) => slot.load(this.#loading.signal)))
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected' && !mayBeLeftOut(result.reason, this.isReady(slots[index]!.name))) {
        throw result.reason
      }
    }
    if (this.#options.watchMs !== null) this.#watchAgain(this.#options.watchMs)
  }

  get(name: string, version?: string): ServedModel {
    const ready = this.#ready.get(name)
    const model = version === undefined ? ready?.[0] : ready?.find((one) => one.version === version)
    if (model) return model
    throw this.#absent(name, version)
  }

  versions(name: string): readonly string[] {
    return this.#slotsOf(name)
      .map(({ version }) => version)
      .filter((version) => version !== '')
      .sort(newestFirst)
  }

  isReady(name: string, version?: string): boolean {
    const ready = this.#ready.get(name) ?? []
    return version === undefined ? ready.length > 0 : ready.some((model) => model.version === version)
  }

  get isAllReady(): boolean {
    if (this.#isClosed) return false
    for (const slot of this.#allSlots()) {
      if (slot.isReliedOn && slot.loaded === null && !this.isReady(slot.name)) return false
    }
    return true
  }

  index(): readonly ModelEntry[] {
    return this.#allSlots().map(({ entry }) => entry)
  }

  async load(name: string): Promise<void> {
    if (this.#isClosed)
      throw new TensorferryError('SESSION_DISPOSED', 'the server is being closed; it loads nothing any more')
    // A version may have come or gone on disk; what is wrong with another model is not this one's.
    for (const options of this.#options.models) await this.#find(options).catch((error) => this.#tellUnfound(error))
    const slots = this.#slotsOf(name).filter(({ isGone }) => !isGone)
    if (slots.length === 0) throw this.#absent(name)
    const results = await Promise.allSettled(slots.map((slot) => slot.load(this.#loading.signal)))
    await this.#retireGone()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async unload(name: string): Promise<void> {
    const slots = this.#slotsOf(name)
    if (slots.length === 0) throw this.#absent(name)
    await Promise.all(slots.map((slot) => slot.unload()))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#loading.abort()
    await this.#looking
    await Promise.all(this.#allSlots().map((slot) => slot.unload()))
  }

  /** Refuses what waits still: the time to drain is over. */
  abandon(): void {
    for (const { loaded } of this.#allSlots()) loaded?.abandon()
  }

  /** For the metrics. */
  measured(): readonly MeasuredModel[] {
    return [...this.#ready.values()].flat()
  }

  #allSlots(): readonly ModelSlot[] {
    return [...this.#slots.values()].flat()
  }

  #slotsOf(name: string): readonly ModelSlot[] {
    return this.#allSlots().filter((slot) => slot.name === name)
  }

  /** Slots for what is on disk now; those of models that are gone are unloaded. */
  async #find(options: ResolvedModelOptions): Promise<{ added: readonly ModelSlot[] }> {
    const targets = await findModels(options)
    const slots = this.#slots.get(options) ?? []
    const added = targets
      .filter(({ id }) => !slots.some(({ target }) => target.id === id))
      .map((target) => new ModelSlot(target, options, this.#surroundings, (...args) => this.#requireUnique(...args)))
    for (const slot of slots) {
      const isGone = !targets.some(({ id }) => id === slot.target.id)
      if (slot.isGone !== isGone) slot.isGone = isGone
    }
    this.#slots.set(options, [...slots, ...added])
    await this.#retireGone()
    return { added }
  }

  /**
   * Unloads what is no longer on disk: at once where no other version has come in its place, else when one of them answers. So
   * a new version that is damaged, or still being loaded, leaves the model as it is.
   */
  async #retireGone(): Promise<void> {
    const retired: ModelSlot[] = []
    for (const [options, slots] of this.#slots) {
      const others = slots.filter(({ isGone }) => !isGone)
      const isReplaceable = ({ name }: ModelSlot): boolean => {
        const versions = others.filter((other) => other.name === name)
        return versions.length === 0 || versions.some(({ loaded }) => loaded !== null)
      }
      const replaced = slots.filter((slot) => slot.isGone && (slot.loaded === null || isReplaceable(slot)))
      if (replaced.length === 0) continue
      retired.push(...replaced)
      this.#slots.set(
        options,
        slots.filter((slot) => !replaced.includes(slot)),
      )
    }
    await Promise.all(retired.map((slot) => slot.unload()))
  }

  #requireUnique({ name, version }: LoadedModel, own: ModelSlot): void {
    const other = this.#allSlots().find(
      ({ loaded, isGone }) => !isGone && loaded?.name === name && loaded.version === version,
    )
    if (!other || other === own) return
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `two models are called ${name} ${version}: ${other.target.path ?? other.target.id} and ${own.target.path ?? own.target.id}; give one another name: NAME=PATH`,
      { details: { name, version } },
    )
  }

  #collectReady(): void {
    const ready = new Map<string, LoadedModel[]>()
    for (const { loaded } of this.#allSlots()) {
      if (!loaded) continue
      const versions = ready.get(loaded.name)
      if (versions) versions.push(loaded)
      else ready.set(loaded.name, [loaded])
    }
    for (const versions of ready.values()) versions.sort((left, right) => newestFirst(left.version, right.version))
    this.#ready = ready
  }

  #absent(name: string, version?: string): TensorferryError {
    const slots = this.#slotsOf(name)
    if (slots.length === 0) {
      const known = [...new Set(this.#allSlots().map((slot) => slot.name))]
      return new TensorferryError('NOT_FOUND', unknownName('model', name, known), { details: { model: name, known } })
    }
    const wanted = version === undefined ? slots : slots.filter((slot) => slot.version === version)
    // Before it is loaded, a slot may turn out to be that version.
    const candidates = wanted.length > 0 ? wanted : slots.filter((slot) => slot.version === '')
    if (candidates.length === 0) {
      const known = this.versions(name)
      return new TensorferryError('NOT_FOUND', `${name}: ${unknownName('version', version!, known)}`, {
        details: { model: name, version, known },
      })
    }
    const { state, reason } = candidates[0]!.entry
    return new TensorferryError('BACKEND_UNAVAILABLE', `${name} is not ready: ${reason}`, {
      details: { model: name, state, reason },
    })
  }

  #watchAgain(watchMs: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#watchAgain(watchMs))
    }, watchMs)
  }

  /** One look at the disk. What fails is in the index, the log and the metrics, and is tried again when the files change. */
  async #look(): Promise<void> {
    for (const options of this.#options.models) {
      try {
        const { added } = await this.#find(options)
        const slots = this.#slots.get(options) ?? []
        const changed = await Promise.all(
          slots.map(
            async (slot) => slot.isWanted && !slot.isGone && !added.includes(slot) && (await slot.hasChanged()),
          ),
        )
        const toLoad = [...added, ...slots.filter((_, index) => changed[index])]
        await Promise.allSettled(toLoad.map((slot) => slot.load(this.#loading.signal)))
        await this.#retireGone()
      } catch (error) {
        this.#tellUnfound(error)
      }
    }
  }

  #tellUnfound(error: unknown): void {
    this.#options.logger.error({ err: error }, 'models cannot be looked for; those that are loaded stay')
  }
}

/** A version that is damaged or cannot run here; who stops the server, or gives two models one name, means all of it. */
function mayBeLeftOut(error: unknown, hasAnother: boolean): boolean {
  return hasAnother && !TensorferryError.is(error, 'ABORTED') && !TensorferryError.is(error, 'OPTIONS_INVALID')
}
