import type { Scope } from '../fleet/index.ts'
import { type EventLog, type Position, refuseNewer, START, type Stored } from '../log/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { pause } from '../waiting.ts'
import {
  acknowledged,
  type Consumer,
  consumerEntry,
  consumerKey,
  type ConsumerName,
  isConsumerKey,
  isForgotten,
  isKnown,
  lookedAt,
} from './consumer.ts'
import { Delivery } from './delivery.ts'

/** The most consumers in all, and of one token. */
export const MAX_CONSUMERS = 200
export const MAX_CONSUMERS_EACH = 50
/** How often all consumers are looked at for gaps and for those that nobody uses, in ms. */
const LOOK_MS = 60_000
/** How many entries after its position are searched for one that the consumer may see. */
const LOOK_PAGE = 100
const CONSUMER_SCHEMA = 1

export interface RegisterParts {
  readonly log: EventLog
  readonly now: () => number
  readonly logger: Logger
  /** Called when a consumer has missed events. */
  readonly onGap?: (consumer: Consumer) => void
}

/** How a consumer is opened: where a new one begins, and what its token may see. */
export interface Opening {
  readonly from: 'latest' | 'earliest'
  readonly scope: Scope
}

/**
 * All named consumers and their open connections. Changes are made one after the other and stored before they count: what a client was
 * answered is durable, and the look in the background can never write an older position over a newer one.
 */
export class ConsumerRegister {
  readonly #parts: RegisterParts
  readonly #known = new Map<string, Consumer>()
  readonly #deliveries = new Map<string, Delivery>()
  /** Gaps that were sent to their consumer; its next acknowledgement confirms them. */
  readonly #told = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: RegisterParts) {
    this.#parts = parts
  }

  /** Restores a consumer from an entry of `state.runs`, at the start. Throws a Fault `log_newer` for a record that a newer program wrote. */
  restore(entry: Stored): void {
    if (!isConsumerKey(entry.key) || entry.value === null) return
    refuseNewer(entry, CONSUMER_SCHEMA)
    this.#known.set(entry.key, entry.value as Consumer)
  }

  /** The consumers of a token, sorted by name. */
  of(token: string): readonly (Consumer & { connected: boolean })[] {
    const own = [...this.#known].filter(([, consumer]) => consumer.token === token)
    return own
      .map(([key, consumer]) => ({ ...consumer, connected: this.#deliveries.has(key) }))
      .sort((a, b) => (consumerKey(a) < consumerKey(b) ? -1 : 1))
  }

  /** Whether the consumer may be opened: it is known, or there is room. `each` and `all` name the bound that is reached. */
  room(name: ConsumerName): 'yes' | 'each' | 'all' {
    if (this.#known.has(consumerKey(name))) return 'yes'
    if (this.#known.size >= MAX_CONSUMERS) return 'all'
    return this.of(name.token).length >= MAX_CONSUMERS_EACH ? 'each' : 'yes'
  }

  /**
   * Begins a connection, in the place of one that there was. A new consumer is durable when this resolves, so that it misses nothing
   * from then on. Null when there is no room for a new one.
   */
  open(
    name: ConsumerName,
    { from, scope }: Opening,
  ): Promise<{ consumer: Consumer; delivery: Delivery; made: boolean } | null> {
    return this.#inTurn(async () => {
      if (this.room(name) !== 'yes') return null
      const { log, now } = this.#parts
      const key = consumerKey(name)
      const known = this.#known.get(key)
      const end = log.end(name.stream)
      const before = known ?? fresh(name, from === 'latest' ? end : START, now())
      const stray = isKnown(before.position, end)
        ? {}
        : {
            position: START,
            pending: null,
            gap: { reason: 'position' as const, since: before.seen_at, found_at: now() },
          }
      const consumer = await this.#keep({ ...before, ...stray, scope, seen_at: now() })
      this.#deliveries.get(key)?.end('replaced')
      const delivery = new Delivery()
      this.#deliveries.set(key, delivery)
      if (consumer.gap !== null) this.#told.add(key)
      return { consumer, delivery, made: known === undefined }
    })
  }

  /** Ends a connection, and stores how far it skipped entries that were not for the consumer. */
  async close(name: ConsumerName, delivery: Delivery): Promise<void> {
    const key = consumerKey(name)
    if (this.#deliveries.get(key) !== delivery) return
    this.#deliveries.delete(key)
    await this.#pass(key, delivery)
  }

  /** Acknowledges everything up to a position. Resolves with the consumer when that is durable, or with null when there is no such consumer. */
  acknowledge(name: ConsumerName, position: Position): Promise<Consumer | null> {
    return this.#inTurn(async () => {
      const key = consumerKey(name)
      const known = this.#known.get(key)
      if (known === undefined) return null
      const next = acknowledged(known, position, this.#parts.now())
      const heard = next !== known && this.#told.delete(key)
      const consumer = next === known ? known : await this.#keep(heard ? { ...next, gap: null } : next)
      this.#deliveries.get(key)?.acknowledge(position)
      return consumer
    })
  }

  /** Forgets a consumer. Resolves with false when there is no such consumer. */
  forget(name: ConsumerName): Promise<boolean> {
    return this.#inTurn(() => this.#drop(consumerKey(name)))
  }

  /** Looks at every consumer once: notes gaps and pending events, and forgets those that nobody uses. */
  async look(): Promise<void> {
    for (const key of this.#known.keys()) {
      const delivery = this.#deliveries.get(key)
      if (delivery !== undefined) await this.#pass(key, delivery)
      await this.#inTurn(() => this.#lookAt(key))
    }
  }

  /** Looks at every consumer each minute, until the signal aborts. */
  async watch(signal: AbortSignal, everyMs = LOOK_MS): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => {
        if (!signal.aborted) this.#parts.logger.warn({ err: error }, 'consumers of events could not be looked at')
      })
      await pause(everyMs, signal)
    }
  }

  async #lookAt(key: string): Promise<void> {
    const { log, now, logger } = this.#parts
    const consumer = this.#known.get(key)
    if (consumer === undefined) return
    const delivery = this.#deliveries.get(key)
    const about = { token: consumer.token, consumer: consumer.name, stream: consumer.stream }
    if (delivery === undefined && isForgotten(consumer, now())) {
      logger.warn(about, 'a consumer of events is forgotten, as nobody has used it for 30 days')
      await this.#drop(key)
      return
    }
    const end = log.end(consumer.stream)
    if (!isKnown(consumer.position, end)) return
    const next = lookedAt(
      consumer,
      await log.page(consumer.stream, consumer.position, LOOK_PAGE),
      now(),
      delivery !== undefined,
    )
    if (next === consumer) return
    await this.#keep(next)
    if (next.gap === consumer.gap) return
    logger.error(
      { ...about, since: new Date(next.gap?.since ?? 0).toISOString() },
      'a consumer of events was too slow: events that it had not acknowledged are past their retention, and gone',
    )
    this.#parts.onGap?.(next)
    // It is told when it comes back.
    delivery?.end('gap')
  }

  async #pass(key: string, { passed }: Delivery): Promise<void> {
    if (passed === null) return
    await this.#inTurn(async () => {
      const known = this.#known.get(key)
      if (known === undefined || known.gap !== null) return
      const next = acknowledged(known, passed, this.#parts.now())
      if (next !== known) await this.#keep(next)
    })
  }

  async #drop(key: string): Promise<boolean> {
    if (!this.#known.has(key)) return false
    await this.#parts.log.append([{ stream: 'state.runs', key, value: null }])
    this.#known.delete(key)
    this.#told.delete(key)
    this.#deliveries.get(key)?.end('forgotten')
    this.#deliveries.delete(key)
    return true
  }

  async #keep(consumer: Consumer): Promise<Consumer> {
    await this.#parts.log.append([consumerEntry(consumer)])
    this.#known.set(consumerKey(consumer), consumer)
    return consumer
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

function fresh(name: ConsumerName, position: Position, now: number): Consumer {
  const { token, stream } = name
  return {
    schema: CONSUMER_SCHEMA,
    kind: 'consumer',
    token,
    name: name.name,
    stream,
    position,
    made_at: now,
    seen_at: now,
    scope: { clusters: [], namespaces: [] },
    pending: null,
    gap: null,
  }
}
