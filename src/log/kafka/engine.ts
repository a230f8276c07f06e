import { until } from '../../waiting.ts'
import { encode, type RecordOptions } from '../encode.ts'
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
import { type Claim, newClaim } from './claim.ts'
import { Condition } from './condition.ts'
import { type Connection } from './client.ts'
import { COMPRESSION } from './driver.ts'
import { Lane } from './lane.ts'
import { type Glimpse, glimpse } from './glimpse.ts'
import { createOutbox } from './outbox.ts'
import { Library } from './library.ts'
import { toPosition } from './position.ts'
import { takeStock } from './inspect.ts'
import { refuseNewerClaim } from './predecessor.ts'
import { Reach } from './reach.ts'
import type { ReaderOptions } from './reader.ts'
import { ReadingRoom } from './reading-room.ts'
import { type OutgoingRecord, toRecord } from './record.ts'
import { Scribe } from './scribe.ts'
import type { Placed } from './session.ts'
import { Stock } from './stock.ts'
import { Strangers } from './strangers.ts'
import { Tail } from './tail.ts'
import { topicOf, type TopicPlan } from './topics.ts'

export interface KafkaLogOptions extends RecordOptions {
  readonly connection: Connection
  readonly topics: TopicPlan
  /** Neighbouring partitions of one cluster; divides `topics.partitions`. */
  readonly perCluster: number
  readonly compression: keyof typeof COMPRESSION
  /** Looks at the log before it is taken over, and refuses it by throwing a Fault. */
  readonly before?: (found: Glimpse) => Promise<void>
  /** Told the names of topics that Kafka does not know yet, when they are waited for. */
  readonly onUnseenTopics?: (topics: readonly string[]) => void
  /** Told when the log stops or starts to accept writes. */
  readonly onHealth?: (health: LogHealth) => void
}

/** How long a start may wait for brokers that are just starting too. */
const OPEN_MS = 60_000
/** A transaction that stays open for longer is aborted by the broker: a paused writer holds readers up for no longer. */
const TRANSACTION_MS = 30_000
/** What is on its way when the log is closed has so long to become durable. */
const DRAIN_MS = 20_000

/** An open log on Kafka: what is written goes through the lane, what is read through the reading room. `openKafkaLog` makes one. */
export class KafkaLog implements EventLog {
  readonly #options: KafkaLogOptions
  readonly #claim: Claim
  readonly #closing = new AbortController()
  readonly #outbox = createOutbox(this.#closing.signal)
  readonly #lane: Lane
  readonly #library: Library
  readonly #stock: Stock
  readonly #scribe: Scribe
  readonly #strangers: Strangers
  readonly #condition: Condition
  readonly #reach = new Reach()
  #tail: Tail | null = null
  #room: ReadingRoom | null = null
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: KafkaLogOptions) {
    const { topics, perCluster, compression } = options
    this.#options = options
    this.#claim = newClaim({ partitions: topics.partitions, perCluster })
    const tellHealth = (): void => options.onHealth?.(this.health())
    this.#condition = new Condition(tellHealth)
    this.#strangers = new Strangers(topics.prefix, tellHealth)
    this.#stock = new Stock(this.#claim, topics.prefix)
    this.#scribe = new Scribe({ stock: this.#stock, reach: this.#reach, put: records => this.#put(records) })
    this.#library = new Library({ ...this.#place, strangers: this.#strangers }, this.#closing.signal)
    this.#lane = new Lane({
      ...this.#place,
      transactionalId: `${topics.prefix}.writer`,
      compression: COMPRESSION[compression],
      transactionTimeoutMs: TRANSACTION_MS,
      claim: this.#claim,
      outbox: this.#outbox,
      closing: this.#closing.signal,
      onPlaced: placed => this.#note(placed),
      onTrouble: trouble => this.#condition.say(trouble),
    })
  }

  get #place(): ReaderOptions {
    const { connection, topics } = this.#options
    return { connection, prefix: topics.prefix, partitions: topics.partitions }
  }

  /** Takes the log over. Throws what keeps it from that; the log is to be disposed of then, too. */
  async open(): Promise<void> {
    const { before, perCluster, topics } = this.#options
    const { signal } = this.#closing
    await refuseNewerClaim(this.#place, OPEN_MS, signal)
    if (before !== undefined) await glimpse(this.#place, perCluster, before)
    await this.#lane.open(OPEN_MS, async () => this.#stock.claims(await takeStock(this.#place, this.#stock)))
    const ends = await this.#library.ends()
    this.#reach.begin(ends)
    this.#stock.told(this.#reach.ends)
    const tail = new Tail({ ...this.#place, strangers: this.#strangers }, ends, trouble =>
      this.#condition.hear(trouble),
    )
    const reading = { library: this.#library, reach: this.#reach, partitions: topics.partitions, closing: signal }
    this.#tail = tail
    this.#room = new ReadingRoom({ ...reading, tail })
    this.#working = Promise.all([tail.run(signal), this.#scribe.often(() => this.#over !== null, signal)])
  }

  async append(entries: readonly Entry[]): Promise<Position> {
    this.#refuseIfOver()
    const spread = { partitions: this.#options.topics.partitions, perCluster: this.#options.perCluster }
    const { records: encoded, refusal } = encode(entries, this.#options, Date.now())
    await this.#put(encoded.map(one => toRecord(one, spread)))
    if (refusal !== null) throw refusal
    return toPosition(this.#reach.of(entries.at(-1)?.stream ?? 'events.vm'))
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

  follow(stream: Stream, from: Position, signal: AbortSignal): AsyncIterable<Stored> {
    return this.#reading.follow(stream, from, signal)
  }

  page(stream: Stream, from: Position, limit: number): Promise<readonly Stored[]> {
    return this.#reading.page(stream, from, limit)
  }

  latest(stream: StateStream): AsyncIterable<Stored> {
    return this.#reading.latest(stream)
  }

  end(stream: Stream): Position {
    return this.#reading.end(stream)
  }

  get #reading(): ReadingRoom {
    if (this.#room === null) throw new LogError('fatal', 'the log is not open')
    return this.#room
  }

  health(): LogHealth {
    const { connection, topics } = this.#options
    const { pid, host } = this.#claim
    return this.#condition.health({
      over: this.#over?.message ?? '',
      notice: this.#strangers.notice,
      waitingBytes: this.#outbox.bytes,
      holder: `process ${pid} on ${host}, topics ${topics.prefix}.* at ${connection.brokers.join(', ')}`,
    })
  }

  losses(): readonly Loss[] {
    return this.#stock.losses
  }

  async confirmLoss(id: string): Promise<void> {
    this.#refuseIfOver()
    if (this.losses().some(loss => loss.id === id)) await this.#scribe.write(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return
    if (this.#condition.writes && this.#over === null && this.#tail !== null) {
      const last = this.#scribe.catchUp().then(() => this.#lane.idle())
      await until(last, this.#closing.signal, DRAIN_MS)
    }
    this.#closing.abort()
    await this.#lane.close()
    await Promise.all([this.#working, this.#library[Symbol.asyncDispose]()])
  }

  /** Why nothing will ever be written or read again. */
  get #over(): LogError | null {
    return this.#lane.ended ?? this.#tail?.ended ?? null
  }

  #refuseIfOver(): void {
    if (this.#over !== null) throw this.#over
    if (this.#closing.signal.aborted) throw new LogError('fatal', 'the log is closed')
  }

  /** Records may be gone under a log that is open: what is in memory then no longer has its like there. The next start tells what to do. */
  #note(placed: readonly Placed[]): void {
    const shrunk = this.#reach.place(placed)
    if (shrunk === null) {
      this.#tail?.place(placed)
      return
    }
    const { stream, partition, reached, first } = shrunk
    const topic = topicOf(this.#options.topics.prefix, stream)
    const what = `in partition ${partition} it reached ${reached}, and what is written now is put at ${first}`
    this.#tail?.end(new LogError('fatal', `${topic} has lost records: ${what}`))
  }
}
