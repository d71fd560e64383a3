import { loadModel, type Progress, TensorferryError } from '@tensorferry/core'
import type { ResolvedModelOptions } from '../options.ts'
import type { ModelTarget } from './find-models.ts'
import { fingerprint } from './fingerprint.ts'
import { LoadedModel } from './loaded-model.ts'
import type { RepositorySurroundings } from './model-repository.ts'
import { Recovery } from './recovery.ts'
import type { ModelEntry, ModelState } from './repository.ts'

/** Errors of something that is not the SDK's are kept as the cause. */
function asTyped(error: unknown): TensorferryError {
  if (TensorferryError.is(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TensorferryError('RUNTIME_FAILED', message, { cause: error })
}

/** A URL without what may be a key in it; null: no URL. */
function addressOf(source: ModelTarget['source']): string | null {
  if (!(typeof source === 'string' || source instanceof URL) || !URL.canParse(String(source))) return null
  const { origin, pathname } = new URL(source)
  return `${origin}${pathname}`
}

/** The place of one version of one model: what is loaded there, and how that stands. Loads and unloads wait for one another. */
export class ModelSlot {
  readonly target: ModelTarget
  readonly options: ResolvedModelOptions
  readonly #surroundings: RepositorySurroundings
  /** Refuses a model whose name and version another slot has; not called for the one that is replaced. */
  readonly #requireUnique: (model: LoadedModel, slot: ModelSlot) => void
  #state: ModelState = 'UNAVAILABLE'
  #reason = 'not loaded yet'
  #loaded: LoadedModel | null = null
  /** What was loaded last: its name and version stay known when it is unloaded. */
  #latest: { readonly name: string; readonly version: string } | null = null
  #isWanted = true
  #isReliedOn = false
  #isGone = false
  #fingerprint: string | null = null
  #last: Promise<unknown> = Promise.resolve()
  readonly #recovery = new Recovery(() => this.#inTurn(() => this.#recover()))

  constructor(
    target: ModelTarget,
    options: ResolvedModelOptions,
    surroundings: RepositorySurroundings,
    requireUnique: (model: LoadedModel, slot: ModelSlot) => void,
  ) {
    this.target = target
    this.options = options
    this.#surroundings = surroundings
    this.#requireUnique = requireUnique
  }

  get name(): string {
    return this.#latest?.name ?? this.target.name
  }

  /** Empty: not known before it is loaded. */
  get version(): string {
    return this.#latest?.version ?? this.target.version ?? ''
  }

  /** What answers requests; null: nothing. */
  get loaded(): LoadedModel | null {
    return this.#loaded
  }

  /** False after it was unloaded by request. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** It has been ready, and nobody has unloaded it by request since: whoever calls counts on its model. */
  get isReliedOn(): boolean {
    return this.#isReliedOn
  }

  /** Its files are no longer there; it answers until another version does. */
  get isGone(): boolean {
    return this.#isGone
  }

  set isGone(isGone: boolean) {
    this.#isGone = isGone
    if (this.#loaded) this.#reason = isGone ? 'its files are gone; it stays until another version is ready' : ''
  }

  get entry(): ModelEntry {
    return { name: this.name, version: this.version, state: this.#state, reason: this.#reason }
  }

  /** Loads the model anew; the one before answers until the new one is ready, and stays if that fails. */
  load(signal?: AbortSignal): Promise<void> {
    this.#isWanted = true
    this.#recovery.stop()
    return this.#inTurn(() => this.#load(signal))
  }

  /** Takes the model out once its requests are answered. */
  unload(): Promise<void> {
    this.#isWanted = false
    this.#isReliedOn = false
    this.#recovery.stop()
    // The server may be ready again without it.
    this.#surroundings.onChange()
    return this.#inTurn(() => this.#takeOut('unloaded'))
  }

  /** Whether the files on disk are others than those that were loaded, or tried. */
  async hasChanged(): Promise<boolean> {
    const { path } = this.target
    return path !== null && this.#fingerprint !== null && (await fingerprint(path)) !== this.#fingerprint
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #takeOut(reason: string): Promise<void> {
    const { onChange, emit, logger } = this.#surroundings
    const model = this.#loaded
    if (model) {
      const { name, version } = model
      this.#loaded = null
      this.#set('UNLOADING', 'requests in progress are answered')
      onChange()
      await model.retire(null)
      logger.info({ model: name, version, reason }, 'unloaded')
      emit({ type: 'unloaded', model: name, version })
    }
    this.#set('UNAVAILABLE', reason)
  }

  /** The model fails whatever it is asked. A new one takes its place, or none: one that cannot answer must not be called ready. */
  async #recover(): Promise<void> {
    if (!this.#isWanted) return
    try {
      await this.#load(undefined)
    } catch (error) {
      await this.#takeOut(`every run failed, and so did loading it anew: ${asTyped(error).message}`)
      throw error
    }
  }

  #set(state: ModelState, reason: string): void {
    this.#state = state
    this.#reason = reason
  }

  async #load(signal: AbortSignal | undefined): Promise<void> {
    const { onChange, emit, logger, metrics } = this.#surroundings
    const { path, source, name } = this.target
    const before = this.#loaded
    if (!before) this.#set('LOADING', 'it is being loaded')
    emit({ type: 'loading', model: name, source: path ?? addressOf(source) ?? name })
    try {
      // Before the files are read: what changes meanwhile is seen at the next look.
      if (path !== null) this.#fingerprint = await fingerprint(path)
      const loaded = await this.#open(source, signal)
      this.#loaded = loaded
      this.#latest = { name: loaded.name, version: loaded.version }
      this.#isReliedOn = this.#isWanted
      this.#set('READY', '')
      onChange()
      const { report, version, unbatched } = loaded
      const ms = Math.round(report.timings.total ?? 0)
      logger.info({ model: loaded.name, version, backend: report.backend, ms }, 'loaded')
      if (before) metrics.reloads.inc({ model: loaded.name, result: 'loaded' })
      emit({ type: 'loaded', model: loaded.name, version, report, unbatched, replaced: before !== null })
    } catch (cause) {
      const error = asTyped(cause)
      metrics.loadFailures.inc({ model: this.name, version: this.version })
      if (before) {
        this.#set('READY', `the new one was refused, this one stays: ${error.code}: ${error.message}`)
        metrics.reloads.inc({ model: before.name, result: 'failed' })
      } else this.#set('UNAVAILABLE', `${error.code}: ${error.message}`)
      const { version } = this
      logger.error({ model: this.name, version, kept: before !== null, err: error }, 'loading failed')
      emit({ type: 'failed', model: this.name, version, error, kept: before !== null })
      throw error
    }
    await before?.retire(this.#loaded)
  }

  async #open(source: ModelTarget['source'], signal: AbortSignal | undefined): Promise<LoadedModel> {
    const { emit, metrics, logger, pipelines } = this.#surroundings
    const { options, target } = this
    const model = await loadModel(source, {
      ...(options.backend === undefined ? {} : { backend: options.backend }),
      artifact: options.artifact,
      verify: options.verify,
      signal,
      onProgress: (progress: Progress) => emit({ type: 'progress', model: target.name, progress }),
    })
    try {
      const loaded = new LoadedModel({
        name: (target.isNameOpen ? model.manifest?.name : undefined) ?? target.name,
        version: target.version ?? model.manifest?.version ?? '1',
        model,
        folder: model.manifest === null ? null : target.path,
        options,
        metrics,
        logger,
        pipelines,
        onBroken: () => {
          logger.error({ model: target.name }, 'run after run has failed; the model is loaded anew')
          this.#recovery.start()
        },
      })
      this.#requireSameName(loaded)
      this.#requireUnique(loaded, this)
      return loaded
    } catch (error) {
      await model.dispose()
      throw error
    }
  }

  #requireSameName({ name }: LoadedModel): void {
    const before = this.#latest
    if (!before || before.name === name) return
    throw new TensorferryError(
      'BUNDLE_INVALID',
      `the bundle was called ${before.name} and is called ${name} now; clients would lose it: keep the name, or serve it with ${before.name}=PATH`,
      { details: { before: before.name, name } },
    )
  }
}
