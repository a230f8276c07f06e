import { pause } from '../waiting.ts'
import { Asks } from './asks.ts'
import { Audit } from './audit.ts'
import type { Budget } from './budget.ts'
import type { KubeClient } from './client.ts'
import { fromFailure, KubeError } from './error.ts'
import { list, type ListOptions } from './list.ts'
import type { Listed, Observed, Resource } from './observed.ts'
import { BACKOFF, Backoff, type BackoffRange } from './retry.ts'
import type { Step } from './step.ts'
import { OpenWatch, Silent } from './watch.ts'

export interface ReflectOptions extends ListOptions {
  /** A random number in [0, 1), for time-outs and waits that do not fall in step. */
  readonly random?: () => number
  /** A clock that never goes back, in ms: by it audits come due. */
  readonly clock?: () => number
  readonly backoff?: BackoffRange
  /** Longest silence of a watch whose server is known to send bookmarks (about one a minute), in ms. */
  readonly stallMs?: number
  /** How long a watch is asked to last, in seconds: `min`, and up to `spread` more. */
  readonly watchSeconds?: { readonly min: number; readonly spread: number }
  /** Lists of all clusters wait here for their turn. */
  readonly budget?: Budget
  /** A second list now and then, which must find nothing: every `everyMs`, half of it more or less. */
  readonly audit?: { readonly everyMs: number; readonly budget: Budget }
  readonly asks?: Asks
  /** Resolves early to end a wait, when something hints that it is worth looking now. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** client-go asks for watches of 5 to 10 minutes, so that they spread over the servers. */
const WATCH_SECONDS = { min: 300, spread: 300 }
const STALL_MS = 150_000
/** Longest silence between two objects of a streaming list. */
const LIST_SILENCE_MS = 30_000
/** A watch that says nothing so long after it should have ended has lost its server. */
const GRACE_MS = 30_000

/**
 * Lists a resource and watches it from there, for ever: resumes where a watch ended, lists again when the server forgot that place
 * (410), backs off when it does not answer. Ends only when the signal aborts.
 *
 * The list is streamed where the server can (KEP-3157), else it comes in pages. The shape of client-go's `tools/cache/reflector.go`,
 * with three promises of its own: a list is yielded only when all of it came; the place to resume from moves only with what was
 * yielded; nothing that can not be read is skipped.
 */
export function reflect<T>(
  client: KubeClient,
  resource: Resource<T>,
  options: ReflectOptions,
): AsyncIterable<Observed<T>> {
  return new Reflector(client, resource, options).run()
}

type Told<T> = AsyncGenerator<Observed<T>, void, undefined>

class Reflector<T> {
  readonly #client: KubeClient
  readonly #resource: Resource<T>
  readonly #options: ReflectOptions
  readonly #asks: Asks
  readonly #random: () => number
  readonly #clock: () => number
  readonly #backoff: Backoff
  /** Where to resume; empty when it must be listed. */
  #from = ''
  /** The place to resume from was forgotten, and nothing was heard since. */
  #forgotten = false
  /** The server may know streaming lists. */
  #streams = true
  /** The server is known to send bookmarks. */
  #bookmarks = false
  #audit: Audit<T> | null = null
  #auditDue: number

  constructor(client: KubeClient, resource: Resource<T>, options: ReflectOptions) {
    this.#client = client
    this.#resource = resource
    this.#options = options
    this.#asks = options.asks ?? new Asks()
    this.#random = options.random ?? Math.random
    this.#clock = options.clock ?? (() => performance.now())
    this.#backoff = new Backoff(options.backoff ?? BACKOFF, this.#random)
    this.#auditDue = this.#nextAudit()
  }

  async *run(): Told<T> {
    const { signal } = this.#options
    while (!signal.aborted) {
      try {
        if (this.#from === '') yield* this.#list()
        else yield* this.#watch()
      } catch (error) {
        if (signal.aborted) return
        if (this.#asks.take()) {
          this.#from = ''
          continue
        }
        const failure = fromFailure(error)
        if (failure.kind === 'expired' && this.#forget()) continue
        yield { kind: 'unavailable', error: failure }
        await this.#wait(failure.retryAfterMs)
      }
    }
  }

  /** A list, streamed or in pages. A stream goes on as a watch. */
  async *#list(): Told<T> {
    this.#audit = null
    using turn = await this.#options.budget?.enter(this.#options.signal)
    if (!this.#streams) {
      const listed = await list(this.#client, this.#resource, this.#options)
      turn?.[Symbol.dispose]()
      yield this.#begin(listed)
      return
    }
    await using stream = await this.#openStream()
    const listed = stream === null ? null : await this.#collect(stream)
    if (stream === null || listed === null) return
    turn?.[Symbol.dispose]()
    yield this.#begin(listed)
    yield { kind: 'watching' }
    yield* this.#follow(stream)
  }

  /** From here on it is watched from where the list was. */
  #begin(listed: Listed<T>): Listed<T> {
    this.#from = listed.resourceVersion
    return listed
  }

  /** One watch, to its end. */
  async *#watch(): Told<T> {
    await using stream = await this.#open({ resourceVersion: this.#from })
    yield { kind: 'watching' }
    yield* this.#follow(stream)
  }

  async *#follow(stream: OpenWatch<T>): Told<T> {
    let heard = false
    for (;;) {
      const step = await stream.next(this.#silenceMs())
      if (step === null) break
      this.#bookmarks ||= step.mark !== ''
      if (!heard) this.#works()
      heard = true
      this.#audit?.note(step, this.#resource.keyOf)
      this.#from = step.resourceVersion
      if (step.told !== null) yield step.told
      if (this.#audit !== null || this.#clock() >= this.#auditDue) yield* this.#audited(step)
    }
    yield { kind: 'ended' }
    // A watch that ends at once without a word is a failure too, else a broken proxy is asked without pause.
    if (!heard) await this.#wait(0)
  }

  /** Null when the server says that it does not know streaming lists: it is asked for pages from then on. */
  async #openStream(): Promise<OpenWatch<T> | null> {
    try {
      return await this.#open({ sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' })
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind !== 'invalid') throw error
      this.#streams = false
      return null
    }
  }

  /** All objects of a streaming list, up to the mark of its end; null when the server has no such mark: it does not know these lists. */
  async #collect(stream: OpenWatch<T>): Promise<Listed<T> | null> {
    const objects = this.#resource.collect?.() ?? new Map<string, T>()
    for (;;) {
      const step = await this.#listed(stream)
      if (step === null) throw new KubeError('server', 'the watch ended before its list was complete')
      this.#bookmarks ||= step.mark === 'end'
      if (step.mark === 'end') return { kind: 'listed', objects, resourceVersion: step.resourceVersion }
      if (step.told === null) {
        this.#streams = false
        return null
      }
      const key = this.#resource.keyOf(step.told.object)
      if (step.told.kind === 'gone') objects.delete(key)
      else objects.set(key, step.told.object)
    }
  }

  /** A server that does not know streaming lists may take one for a watch, and have nothing to say: the next list comes in pages. */
  async #listed(stream: OpenWatch<T>): Promise<Step<T> | null> {
    try {
      return await stream.next(Math.min(LIST_SILENCE_MS, this.#options.stallMs ?? STALL_MS))
    } catch (error) {
      this.#streams &&= !(error instanceof Silent)
      throw error
    }
  }

  async #open(query: Readonly<Record<string, string>>): Promise<OpenWatch<T>> {
    const { signal, verify } = this.#options
    const either = AbortSignal.any([signal, this.#asks.signal])
    await verify(either)
    const { min, spread } = this.#options.watchSeconds ?? WATCH_SECONDS
    const timeoutSeconds = String(Math.floor(min + this.#random() * spread))
    return OpenWatch.open(this.#client, this.#resource, { ...query, timeoutSeconds }, either)
  }

  /** A quiet watch is normal. One whose bookmarks stay out is dead, and so is one that outlives its own time-out. */
  #silenceMs(): number {
    const { min, spread } = this.#options.watchSeconds ?? WATCH_SECONDS
    return this.#bookmarks ? (this.#options.stallMs ?? STALL_MS) : (min + spread) * 1000 + GRACE_MS
  }

  #works(): void {
    this.#backoff.reset()
    this.#forgotten = false
  }

  /** Once is how a watch that was away too long ends. Again, without a word in between, is a fault: lists are costly. */
  #forget(): boolean {
    const first = !this.#forgotten
    this.#from = ''
    this.#forgotten = true
    return first
  }

  async #wait(atLeastMs: number): Promise<void> {
    const wait = this.#options.sleep ?? pause
    await wait(atLeastMs + this.#backoff.next(), this.#options.signal)
  }

  /** Begins an audit when it is time, and tells it when the watch has come as far as its list. Looked at with every step and bookmark. */
  async *#audited({ resourceVersion }: Step<T>): Told<T> {
    if (this.#audit === null && this.#clock() >= this.#auditDue) {
      this.#auditDue = this.#nextAudit()
      this.#audit = new Audit(this.#secondList())
    }
    if (this.#audit?.failed === true) this.#audit = null
    const objects = this.#audit?.upTo(resourceVersion) ?? null
    if (objects === null) return
    this.#audit = null
    yield { kind: 'audited', objects }
  }

  async #secondList(): Promise<Listed<T>> {
    const { audit, signal } = this.#options
    using _turn = await audit?.budget.enter(signal)
    return await list(this.#client, this.#resource, this.#options)
  }

  #nextAudit(): number {
    const { audit } = this.#options
    return audit === undefined ? Infinity : this.#clock() + audit.everyMs * (0.5 + this.#random())
  }
}
