import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { Fault, messageOf } from '../../errors.ts'
import { pause, until } from '../../waiting.ts'
import { encode, type RecordOptions } from '../encode.ts'
import { RECORDS_VERSION } from '../version.ts'
import {
  type Entry,
  type EventLog,
  type LogHealth,
  LogError,
  type Loss,
  type Position,
  type StateStream,
  type Stored,
  type Stream,
} from '../log.ts'
import { faultIn, inspectTopics } from './admin.ts'
import type { Claim } from './claim.ts'
import { COMPRESSION, type Connection } from './driver.ts'
import { isRefused } from './errors.ts'
import { Lane } from './lane.ts'
import { type Glimpse, glimpse } from './glimpse.ts'
import { createOutbox } from './outbox.ts'
import { Library } from './library.ts'
import { fromPosition, toPosition } from './position.ts'
import { takeStock } from './inspect.ts'
import { CLAIM_SCHEMA, refuseNewerClaim } from './predecessor.ts'
import { type OutgoingRecord, toRecord } from './record.ts'
import type { TailRecord } from './ring.ts'
import type { Placed } from './session.ts'
import { Stock } from './stock.ts'
import { Strangers } from './strangers.ts'
import { Tail } from './tail.ts'
import { STREAMS, topicOf, type TopicPlan } from './topics.ts'

export interface KafkaLogOptions extends RecordOptions {
  readonly connection: Connection
  readonly topics: TopicPlan
  /** Neighbouring partitions of one cluster; divides `topics.partitions`. */
  readonly perCluster: number
  readonly compression: keyof typeof COMPRESSION
  /** Looks at the log before it is taken over, and refuses it by throwing a Fault. */
  readonly before?: (found: Glimpse) => Promise<void>
  /** Told when the log stops or starts to accept writes. */
  readonly onHealth?: (health: LogHealth) => void
}

/** How long a start may wait for brokers that are just starting too. */
const OPEN_MS = 60_000
/** A transaction that stays open for longer is aborted by the broker: a paused writer holds readers up for no longer. */
const TRANSACTION_MS = 30_000
/** What is on its way when the log is closed has so long to become durable. */
const DRAIN_MS = 20_000
const PAGE = 500
const BROKERS_HINT = 'are all brokers up, and enough replicas in sync? It goes on by itself when they answer'
const AGAIN_MS = 200
/** How far the streams reached is written down this often: what is lost after that and before the next start may go unnoticed. */
const CLAIM_EVERY_MS = 60_000

/**
 * Opens the log on Kafka and takes it over: from here on whoever wrote it before can not.
 *
 * Throws a Fault: `log_kafka` when Kafka can not be reached or refuses, `log_topics` when a topic is not as it has to be, `log_spread`
 * when the keys that are there were put elsewhere than this configuration would look for them.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { connection, topics } = options
  const fault = faultIn(await inspectTopics(connection, topics))
  if (fault !== null) throw fault
  const log = new KafkaLog(options)
  try {
    await log.open()
    return log
  } catch (error) {
    await log[Symbol.asyncDispose]()
    if (error instanceof Fault) throw error
    throw new Fault('log_kafka', `can not write to Kafka at ${connection.brokers.join(', ')}: ${messageOf(error)}`, {
      hint: isRefused(error)
        ? 'virtbridge topics --acls prints the rights that its user needs'
        : 'are all brokers up, and enough replicas in sync?',
      cause: error,
    })
  }
}

class KafkaLog implements EventLog {
  readonly #options: KafkaLogOptions
  readonly #claim: Claim
  readonly #closing = new AbortController()
  readonly #outbox = createOutbox(this.#closing.signal)
  readonly #lane: Lane
  readonly #library: Library
  readonly #stock: Stock
  readonly #strangers: Strangers
  /** Of each stream and partition, the offset after the newest record of ours. */
  readonly #acked = new Map<Stream, number[]>()
  #tail: Tail | null = null
  #tailing: Promise<void> = Promise.resolve()
  #claiming: Promise<void> = Promise.resolve()
  #trouble = ''
  #deaf = ''

  constructor(options: KafkaLogOptions) {
    const { connection, topics, perCluster, compression } = options
    const { prefix, partitions } = topics
    this.#options = options
    this.#claim = {
      schema: CLAIM_SCHEMA,
      records: RECORDS_VERSION,
      writer: randomUUID(),
      host: hostname(),
      pid: process.pid,
      since: new Date().toISOString(),
      partitions,
      per_cluster: perCluster,
    }
    this.#stock = new Stock(this.#claim, prefix)
    const reading = { connection, prefix, partitions }
    this.#strangers = new Strangers(prefix, () => this.#options.onHealth?.(this.health()))
    this.#library = new Library({ ...reading, strangers: this.#strangers }, this.#closing.signal)
    this.#lane = new Lane({
      ...reading,
      transactionalId: `${prefix}.writer`,
      compression: COMPRESSION[compression],
      transactionTimeoutMs: TRANSACTION_MS,
      claim: this.#claim,
      outbox: this.#outbox,
      closing: this.#closing.signal,
      onPlaced: placed => this.#place(placed),
      onTrouble: trouble => this.#say(trouble),
    })
  }

  async open(): Promise<void> {
    const { connection, topics } = this.#options
    const reading = { connection, prefix: topics.prefix, partitions: topics.partitions }
    await refuseNewerClaim(reading, OPEN_MS, this.#closing.signal)
    const { before, perCluster } = this.#options
    if (before !== undefined) await glimpse(reading, perCluster, before)
    await this.#lane.open(OPEN_MS, async () => {
      return this.#stock.claims(await takeStock(reading, this.#stock))
    })
    const ends = await this.#library.ends()
    for (const stream of STREAMS) this.#acked.set(stream, [...(ends.get(stream) ?? [])])
    this.#stock.told(this.#acked)
    this.#tail = new Tail({ ...reading, strangers: this.#strangers }, ends, trouble => this.#hear(trouble))
    this.#tailing = Promise.all([this.#tail.run(this.#closing.signal), this.#claimOften()]).then(() => undefined)
  }

  /** Writes down how far the streams reached; without a loss that is confirmed by it. One after the other, as each says all there is. */
  #claimAgain(without = ''): Promise<void> {
    const claimed = this.#claiming.then(async () => {
      await this.#put(this.#stock.claims(this.#acked, without))
      this.#stock.told(this.#acked, without)
    })
    this.#claiming = claimed.catch(() => undefined)
    return claimed
  }

  async #claimOften(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await pause(CLAIM_EVERY_MS, this.#closing.signal)
      if (this.#closing.signal.aborted || this.#over !== null || !this.#stock.outdated(this.#acked)) continue
      // Whoever appends next hears why it can not be written.
      await this.#claimAgain().catch(() => undefined)
    }
  }

  async append(entries: readonly Entry[]): Promise<Position> {
    this.#refuseIfOver()
    const spread = { partitions: this.#options.topics.partitions, perCluster: this.#options.perCluster }
    const { records: encoded, refusal } = encode(entries, this.#options, Date.now())
    const records = encoded.map(one => toRecord(one, spread))
    await this.#put(records)
    if (refusal !== null) throw refusal
    return toPosition(this.#ackedOf(entries.at(-1)?.stream ?? 'events.vm'))
  }

  /** Resolves when the records are durable. */
  async #put(records: readonly OutgoingRecord[]): Promise<void> {
    // Of an append whose only record has its letter already nothing is left.
    if (records.length === 0) return
    // Awake from the moment it is let in: its place may come free when nothing else is on its way any more.
    await this.#outbox.put(records, () => {
      this.#refuseIfOver()
      this.#lane.wake()
    })
  }

  async *follow(stream: Stream, from: Position, signal: AbortSignal): AsyncIterable<Stored> {
    const stop = AbortSignal.any([signal, this.#closing.signal])
    const at = this.#offsetsOf(stream, from)
    while (!stop.aborted) {
      const { ring } = this.#tailOf(stream)
      const start = ring.startOf(at)
      const records = start === null ? this.#catchUp(stream, at, stop) : this.#keepUp(stream, start, stop)
      for await (const record of records) {
        if (record.offset < (at[record.partition] ?? 0)) continue
        at[record.partition] = record.offset + 1
        yield stored(record, toPosition(at))
        if (stop.aborted) return
      }
    }
  }

  /** From the log itself, a page; when there is nothing after these offsets, they become those that the ring begins at. */
  async *#catchUp(stream: Stream, at: number[], stop: AbortSignal): AsyncIterable<TailRecord> {
    const gone = [...this.#tailOf(stream).ring.gone]
    try {
      const records = await this.#library.page(stream, at, PAGE, this.#ackedOf(stream))
      if (records.length === 0)
        for (const [partition, offset] of gone.entries()) at[partition] = Math.max(at[partition] ?? 0, offset)
      yield* records
    } catch (error) {
      if (stop.aborted) return
      if (!(error instanceof LogError) || error.reaction !== 'retry') throw error
      await pause(AGAIN_MS, stop)
    }
  }

  /** From what the tail brings; ends when it is too slow for it. */
  async *#keepUp(stream: Stream, start: number, stop: AbortSignal): AsyncIterable<TailRecord> {
    const { ring, tail } = this.#tailOf(stream)
    for (let number = start; !stop.aborted;) {
      const came = tail.came
      const record = ring.at(number)
      if (record !== undefined) {
        number += 1
        yield record
      } else if (number < ring.first) return
      else if (tail.ended !== null) throw tail.ended
      else await until(came, stop)
    }
  }

  async page(stream: Stream, from: Position, limit: number): Promise<readonly Stored[]> {
    const at = this.#offsetsOf(stream, from)
    const records = await this.#library.page(stream, at, Math.min(limit, PAGE), this.#ackedOf(stream))
    return records.map(record => {
      at[record.partition] = record.offset + 1
      return stored(record, toPosition(at))
    })
  }

  async *latest(stream: StateStream): AsyncIterable<Stored> {
    for await (const record of this.#library.latest(stream, this.#ackedOf(stream))) {
      const at = Array.from({ length: record.partition + 1 }, () => 0)
      at[record.partition] = record.offset + 1
      yield stored(record, toPosition(at))
    }
  }

  end(stream: Stream): Position {
    return toPosition(this.#endOf(stream))
  }

  #endOf(stream: Stream): readonly number[] {
    const seen = this.#tail?.ring(stream).next ?? []
    return this.#ackedOf(stream).map((offset, partition) => Math.max(offset, seen[partition] ?? 0))
  }

  /**
   * Where to read from. A position after the end was of records that are gone: their partition is read as a whole, as what is read
   * again has the same ids.
   */
  #offsetsOf(stream: Stream, from: Position): number[] {
    const ends = this.#endOf(stream)
    const at = fromPosition(from, this.#options.topics.partitions)
    return at.map((offset, partition) => (offset > (ends[partition] ?? 0) ? 0 : offset))
  }

  health(): LogHealth {
    const over = this.#over?.message ?? ''
    const { brokers } = this.#options.connection
    return {
      writable: over === '' && this.#trouble === '',
      readable: over === '' && this.#deaf === '',
      reason: over || [this.#trouble, this.#deaf].filter(text => text !== '').join('; '),
      hint: this.#hint(over),
      notice: this.#strangers.notice,
      waitingBytes: this.#outbox.bytes,
      holder: `process ${this.#claim.pid} on ${this.#claim.host}, topics ${this.#options.topics.prefix}.* at ${brokers.join(', ')}`,
    }
  }

  #hint(over: string): string {
    if (over !== '') return 'this process writes no more: look at what took over, or start it anew'
    if (this.#trouble !== '') return `${BROKERS_HINT}; nothing stored is lost, and what waits is written then`
    return this.#deaf === '' ? '' : `${BROKERS_HINT}; what is told meanwhile is old`
  }

  losses(): readonly Loss[] {
    return this.#stock.losses
  }

  async confirmLoss(id: string): Promise<void> {
    this.#refuseIfOver()
    if (this.losses().some(loss => loss.id === id)) await this.#claimAgain(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return
    if (this.#trouble === '' && this.#over === null && this.#tail !== null) {
      const last = this.#stock.outdated(this.#acked) ? this.#claimAgain().catch(() => undefined) : Promise.resolve()
      await until(
        last.then(() => this.#lane.idle()),
        this.#closing.signal,
        DRAIN_MS,
      )
    }
    this.#closing.abort()
    await this.#lane.close()
    await Promise.all([this.#tailing, this.#library[Symbol.asyncDispose]()])
  }

  /** Why nothing will ever be written or read again. */
  get #over(): LogError | null {
    return this.#lane.ended ?? this.#tail?.ended ?? null
  }

  #refuseIfOver(): void {
    if (this.#over !== null) throw this.#over
    if (this.#closing.signal.aborted) throw new LogError('fatal', 'the log is closed')
  }

  #place(placed: readonly Placed[]): void {
    for (const { stream, partition, first, next } of placed) {
      const acked = this.#acked.get(stream)
      const known = acked?.[partition] ?? 0
      if (first < known)
        this.#lose(stream, partition, `it reached ${known}, and what is written now is put at ${first}`)
      if (acked !== undefined) acked[partition] = Math.max(known, next)
    }
  }

  /** Records are gone under a log that is open: what is in memory no longer has its like there. The next start tells what to do. */
  #lose(stream: Stream, partition: number, what: string): void {
    const topic = topicOf(this.#options.topics.prefix, stream)
    this.#tail?.end(new LogError('fatal', `${topic} has lost records: in partition ${partition} ${what}`))
  }

  #ackedOf(stream: Stream): readonly number[] {
    return this.#acked.get(stream) ?? []
  }

  #tailOf(stream: Stream): { tail: Tail; ring: ReturnType<Tail['ring']> } {
    if (this.#tail === null) throw new LogError('fatal', 'the log is not open')
    return { tail: this.#tail, ring: this.#tail.ring(stream) }
  }

  #say(trouble: string): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#options.onHealth?.(this.health())
  }

  #hear(trouble: string): void {
    const deaf = trouble === '' ? '' : `Kafka does not answer reads: ${trouble}`
    if (deaf === this.#deaf) return
    this.#deaf = deaf
    this.#options.onHealth?.(this.health())
  }
}

function stored(record: TailRecord, position: Position): Stored {
  const { stream, key, value, at } = record
  return { stream, key, value, position, at }
}
