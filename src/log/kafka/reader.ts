import { LogError, type Stream } from '../log.ts'
import { type Client, type Connection, createClient } from './client.ts'
import { type Broker, errorOf, fetchRaw } from './driver.ts'
import { type FetchedPartition, readFetchResponse } from './fetch-response.ts'
import { type Asked, FetchSession, oneFetch, type Place } from './fetch-session.ts'
import { STREAMS, topicOf } from './topics.ts'

export interface ReaderOptions {
  readonly connection: Connection
  readonly prefix: string
  readonly partitions: number
}

/** A partition and the offset to read from. */
export interface Wanted {
  readonly stream: Stream
  readonly partition: number
  readonly offset: number
}

/** What a fetch found of one partition. */
export interface Found extends FetchedPartition {
  readonly stream: Stream
}

const EARLIEST = -2
const LATEST = -1
const NOTHING_WRONG = 0
const OFFSET_OUT_OF_RANGE = 1
/** Bytes of one response: of one partition, and of all. */
const PARTITION_BYTES = 1_048_576
const RESPONSE_BYTES = 8_388_608

/**
 * Reads partitions by offset, with single requests on connections of its own: no consumer group, nothing to rebalance, nothing that
 * is left behind. Only committed records are seen. Over at its first failure; whoever uses it opens a new one.
 */
export class Reader implements AsyncDisposable {
  readonly #options: ReaderOptions
  readonly #client: Client
  readonly #streams = new Map<string, Stream>()
  readonly #leaders = new Map<string, readonly number[]>()
  readonly #brokers = new Map<number, Broker>()
  readonly #sessions = new Map<number, FetchSession>()

  static async open(options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(options)
    try {
      await reader.#begin()
      return reader
    } catch (error) {
      await reader[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(options: ReaderOptions) {
    this.#options = options
    this.#client = createClient(options.connection)
    for (const stream of STREAMS) this.#streams.set(topicOf(options.prefix, stream), stream)
  }

  async #begin(): Promise<void> {
    await this.#client.cluster.connect()
    await this.#client.cluster.addMultipleTargetTopics([...this.#streams.keys()])
    for (const topic of this.#streams.keys()) {
      const metadata = [...this.#client.cluster.findTopicPartitionMetadata(topic)]
      metadata.sort((a, b) => a.partitionId - b.partitionId)
      this.#leaders.set(
        topic,
        metadata.map(({ leader }) => leader),
      )
    }
    for (const nodeId of new Set([...this.#leaders.values()].flat())) {
      this.#brokers.set(nodeId, await this.#client.cluster.findBroker({ nodeId }))
    }
  }

  /** The brokers that lead something. */
  get leaders(): readonly number[] {
    return [...this.#brokers.keys()]
  }

  leaderOf(stream: Stream, partition: number): number {
    return this.#leaders.get(topicOf(this.#options.prefix, stream))?.[partition] ?? -1
  }

  /** Reads what there is from each offset on, waiting up to `waitMs` when there is nothing at all. One request for each leader. */
  async fetch(wanted: readonly Wanted[], waitMs: number): Promise<readonly Found[]> {
    const byLeader = new Map<number, Wanted[]>()
    for (const one of wanted) {
      const leader = this.leaderOf(one.stream, one.partition)
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), one])
    }
    const found = await Promise.all([...byLeader].map(([leader, wanted]) => this.#fetchFrom(leader, wanted, waitMs)))
    return found.flat()
  }

  /**
   * Goes on from these offsets at one leader, waiting up to `waitMs`, and gives those partitions that have something new: for who reads
   * the same partitions again and again, one call after the other.
   */
  async follow(leader: number, wanted: readonly Wanted[], waitMs: number): Promise<readonly Found[]> {
    const session = this.#sessions.get(leader) ?? new FetchSession()
    this.#sessions.set(leader, session)
    const raw = await this.#ask(leader, session.ask(this.#places(wanted)), waitMs)
    if (!session.answered(raw)) return []
    return this.#judgeAll(raw, (topic, partition) => session.offsetOf(topic, partition))
  }

  async #fetchFrom(leader: number, wanted: readonly Wanted[], waitMs: number): Promise<readonly Found[]> {
    const places = this.#places(wanted)
    const from = (topic: string, partition: number): number =>
      places.get(topic)?.find(place => place.partition === partition)?.fetchOffset ?? 0
    return this.#judgeAll(await this.#ask(leader, oneFetch(places), waitMs), from)
  }

  #places(wanted: readonly Wanted[]): ReadonlyMap<string, readonly Place[]> {
    const topics = new Map<string, Place[]>()
    for (const { stream, partition, offset } of wanted) {
      const topic = topicOf(this.#options.prefix, stream)
      const places = topics.get(topic) ?? []
      places.push({ partition, fetchOffset: offset, maxBytes: PARTITION_BYTES })
      topics.set(topic, places)
    }
    return topics
  }

  async #judgeAll(raw: Buffer, from: (topic: string, partition: number) => number): Promise<readonly Found[]> {
    const found: Found[] = []
    for (const one of readFetchResponse(raw, from)) found.push(await this.#judge(one))
    return found
  }

  #ask(leader: number, asked: Asked, waitMs: number): Promise<Buffer> {
    return fetchRaw(this.#broker(leader), {
      replicaId: -1,
      isolationLevel: 1,
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: RESPONSE_BYTES,
      ...asked,
    })
  }

  /** An offset that retention took leads to the first one that is left. One after the end means that records are gone. */
  async #judge(found: FetchedPartition): Promise<Found> {
    const { topic, partition, errorCode } = found
    const stream = this.#streams.get(topic)
    if (stream === undefined) throw new Error(`${topic} was not asked for`)
    if (errorCode === NOTHING_WRONG) return { ...found, stream }
    if (errorCode !== OFFSET_OUT_OF_RANGE) throw errorOf(errorCode)
    const { first, next } = await this.ends(stream)
    const [start, end] = [first[partition] ?? 0, next[partition] ?? 0]
    if (found.nextOffset < start) return { ...found, stream, nextOffset: start, stableOffset: end, startOffset: start }
    const message = `${topic} has lost records: partition ${partition} ends at ${end}, and ${found.nextOffset} was there before`
    throw new LogError('fatal', message)
  }

  /** Offsets of every partition of a stream: its first, and the one after its last decided record. */
  async ends(stream: Stream): Promise<{ first: readonly number[]; next: readonly number[] }> {
    const [first, next] = await Promise.all([this.#offsets(stream, EARLIEST), this.#offsets(stream, LATEST)])
    return { first, next }
  }

  /** Of every partition of a stream, the offset of its first record of that time (ms since the epoch) or a later one; -1 when it has none. */
  offsetsAt(stream: Stream, at: number): Promise<readonly number[]> {
    return this.#offsets(stream, at)
  }

  /** Those of these places that lie after the end of their partitions, decided or not: a broker that just came back may name another end. */
  async beyond(wanted: readonly Wanted[]): Promise<readonly Wanted[]> {
    const starts = new Map<Stream, readonly number[]>()
    for (const { stream } of wanted) if (!starts.has(stream)) starts.set(stream, await this.#offsets(stream, EARLIEST))
    const beyond: Wanted[] = []
    for (const one of wanted) {
      const { stream, partition, offset } = one
      const topics = new Map([
        [topicOf(this.#options.prefix, stream), [{ partition, fetchOffset: offset, maxBytes: 1 }]],
      ])
      const [found] = readFetchResponse(
        await this.#ask(this.leaderOf(stream, partition), oneFetch(topics), 0),
        () => offset,
      )
      if (found === undefined) throw new Error(`${stream} was not answered`)
      if (found.errorCode === OFFSET_OUT_OF_RANGE) {
        if (offset >= (starts.get(stream)?.[partition] ?? 0)) beyond.push(one)
      } else if (found.errorCode !== NOTHING_WRONG) throw errorOf(found.errorCode)
    }
    return beyond
  }

  async #offsets(stream: Stream, timestamp: number): Promise<readonly number[]> {
    const topic = topicOf(this.#options.prefix, stream)
    const offsets = Array.from({ length: this.#options.partitions }, () => 0)
    const leaders = this.#leaders.get(topic) ?? []
    const ask = async (leader: number): Promise<void> => {
      const partitions = offsets.flatMap((_, partition) =>
        leaders[partition] === leader ? [{ partition, timestamp }] : [],
      )
      const { responses } = await this.#broker(leader).listOffsets({
        isolationLevel: 1,
        topics: [{ topic, partitions }],
      })
      for (const { partition, errorCode, offset } of responses[0]?.partitions ?? []) {
        if (errorCode !== NOTHING_WRONG) throw errorOf(errorCode)
        offsets[partition] = Number(offset)
      }
    }
    await Promise.all([...new Set(leaders)].map(ask))
    return offsets
  }

  #broker(leader: number): Broker {
    const broker = this.#brokers.get(leader)
    if (broker === undefined) throw new Error(`no broker leads it now (${leader})`)
    return broker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}
