import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '../log.ts'
import { type Client, type Connection, createClient, userOf } from './client.ts'
import { type Broker, TRANSACTION_COORDINATOR } from './driver.ts'
import { byPartition, type Chunk, partitionsOf, takeChunks, type Topics } from './chunk.ts'
import { named } from './missing-right.ts'
import { produce } from './produce.ts'
import type { OutgoingRecord } from './record.ts'
import { STREAMS, topicOf } from './topics.ts'
import { addPartitions, commitTransaction, type Producer } from './transaction.ts'

export interface SessionOptions {
  readonly connection: Connection
  readonly prefix: string
  readonly partitions: number
  /** Who writes: a newer session of the same id makes this one's writes impossible (KIP-98). */
  readonly transactionalId: string
  readonly compression: number
  /** The broker aborts a transaction that stays open for longer, in ms. */
  readonly transactionTimeoutMs: number
}

/** Where records of one partition were put: the offsets of the first and after the last, and their time, in ms since the epoch. */
export interface Placed {
  readonly stream: Stream
  readonly partition: number
  readonly at: number
  readonly first: number
  readonly next: number
  readonly records: readonly OutgoingRecord[]
}

/** The broker answers so while it still writes the markers of the transaction before. */
const CONCURRENT = 'CONCURRENT_TRANSACTIONS'
const CONCURRENT_DEADLINE_MS = 10_000
/** Sequence numbers are 32 bits and kafkajs' users are not to find out what comes after: a session ends long before. */
const MAX_SEQUENCE = 1_000_000_000

type Ask<T> = () => Promise<T>

/** What a commit is made with: the time of its records, and where it notes the places that they are put at. */
interface Putting {
  readonly timestamp: number
  readonly placed: Placed[]
}

/**
 * One producer's life: made by InitProducerId, which fences every earlier one of the same id and aborts what it left open, and over
 * at its first failure of any kind. There is no retry inside, so no sequence number is ever used twice and no error is guessed at:
 * whoever uses it makes a new one and sends the same records again.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions
  readonly #client: Client
  #coordinator: Broker | null = null
  readonly #leaders = new Map<string, readonly number[]>()
  readonly #brokers = new Map<number, Broker>()
  readonly #sequences = new Map<string, number>()
  #producer: Producer
  #worn = false
  /** Connections that had ended when it had begun: each new one may be to a broker that knows nothing of what was under way. */
  #cuts = 0

  /** Begins one. Whoever gives up waiting aborts the signal: nothing of it is left then, and it throws. */
  static async open(options: SessionOptions, signal?: AbortSignal): Promise<Session> {
    const session = new Session(options)
    const giveUp = (): void => void session[Symbol.asyncDispose]()
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      await session.#begin()
      signal?.throwIfAborted()
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  private constructor(options: SessionOptions) {
    this.#options = options
    this.#producer = { transactionalId: options.transactionalId, producerId: -1n, producerEpoch: -1 }
    this.#client = createClient(options.connection)
  }

  /** True when a new session has to take over: before numbers run out, and when a connection ended that nothing was asked of. */
  get worn(): boolean {
    return this.#worn || this.#client.cuts !== this.#cuts
  }

  async #begin(): Promise<void> {
    const { prefix, transactionalId, transactionTimeoutMs } = this.#options
    await this.#client.cluster.connect()
    await this.#client.cluster.addMultipleTargetTopics(STREAMS.map(stream => topicOf(prefix, stream)))
    for (const stream of STREAMS) {
      const metadata = [...this.#client.cluster.findTopicPartitionMetadata(topicOf(prefix, stream))]
      metadata.sort((a, b) => a.partitionId - b.partitionId)
      const leaders = metadata.map(partition => partition.leader)
      this.#leaders.set(topicOf(prefix, stream), leaders)
      for (const nodeId of leaders) {
        if (!this.#brokers.has(nodeId)) this.#brokers.set(nodeId, await this.#client.cluster.findBroker({ nodeId }))
      }
    }
    const coordinator = await this.#client.cluster.findGroupCoordinator({
      groupId: transactionalId,
      coordinatorType: TRANSACTION_COORDINATOR,
    })
    const { producerId, producerEpoch } = await undisturbed(() =>
      coordinator.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs }),
    )
    this.#cuts = this.#client.cuts
    this.#coordinator = coordinator
    this.#producer = { transactionalId, producerId: BigInt(producerId), producerEpoch }
  }

  /**
   * Writes the records in one transaction and resolves when it is decided. Notes in `placed` where they are put, as it goes: when it
   * throws, or is given up, whether those count is known when the next session has begun. This one is over then.
   */
  async commit(records: readonly OutgoingRecord[], timestamp: number, placed: Placed[]): Promise<void> {
    const rest = byPartition(records, this.#options.prefix)
    await this.#commit(rest, { topics: partitionsOf([...rest.values()]), timestamp, placed })
  }

  /**
   * The same, with every partition of every stream in the transaction, so that it leaves a marker in each, and gives where the records are.
   * To be called before anything else: a coordinator that is killed before it wrote the markers of a commit may take that commit for complete when it is back (seen
   * of Kafka 4.3.1), and then its records are undecided for ever, acknowledged ones too. The next marker decides them.
   */
  async settle(records: readonly OutgoingRecord[], timestamp: number): Promise<readonly Placed[]> {
    const { prefix, partitions } = this.#options
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const everywhere = STREAMS.map(stream => ({ topic: topicOf(prefix, stream), partitions: all }))
    const placed: Placed[] = []
    await this.#commit(byPartition(records, this.#options.prefix), { topics: everywhere, timestamp, placed })
    return placed
  }

  async #commit(rest: Map<string, Chunk>, { topics, ...putting }: Putting & { topics: Topics }): Promise<void> {
    try {
      const coordinator = this.#need()
      await undisturbed(() => addPartitions(coordinator, this.#producer, topics))
      while (rest.size > 0) await this.#produce(takeChunks(rest), putting)
      await commitTransaction(coordinator, this.#producer)
    } catch (error) {
      throw named(error, 'Write', userOf(this.#options.connection))
    }
  }

  /** One request for each leader, each partition once in it; all of them answered well, or it throws. */
  async #produce(chunks: readonly Chunk[], putting: Putting): Promise<void> {
    const byLeader = new Map<number, Chunk[]>()
    for (const chunk of chunks) {
      const leader = this.#leaders.get(chunk.topic)?.[chunk.partition]
      if (leader === undefined) throw new Error(`${chunk.topic} has no partition ${chunk.partition}`)
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), chunk])
    }
    const answers = await Promise.allSettled(
      [...byLeader].map(([leader, theirs]) => this.#produceTo(leader, theirs, putting)),
    )
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  async #produceTo(leader: number, chunks: readonly Chunk[], { timestamp, placed }: Putting): Promise<void> {
    const broker = this.#brokers.get(leader)
    if (broker === undefined) throw new Error(`broker ${leader} is not known`)
    const { connection, compression: codec } = this.#options
    const placings = chunks.map(chunk => {
      const { topic, partition, records } = chunk
      return { topic, partition, records, timestamp, codec, firstSequence: this.#take(chunk) }
    })
    const topics = Map.groupBy(placings, ({ topic }) => topic)
    const request = { producer: this.#producer, timeoutMs: connection.requestTimeoutMs, topics }
    const { offsets, refusal } = await produce(broker, request)
    const missing: string[] = []
    for (const { id, stream, partition, records } of chunks) {
      const first = offsets.get(id)
      if (first === undefined) missing.push(id)
      else placed.push({ stream, partition, at: timestamp, first, next: first + records.length, records })
    }
    if (refusal !== null) throw refusal
    if (missing.length > 0)
      throw new Error(`broker ${leader} did not say that it has the records of ${missing.join(', ')}`)
  }

  /** The sequence number of a chunk's first record. */
  #take({ id, records }: Chunk): number {
    const first = this.#sequences.get(id) ?? 0
    this.#sequences.set(id, first + records.length)
    if (first > MAX_SEQUENCE) this.#worn = true
    return first
  }

  #need(): Broker {
    if (this.#coordinator === null) throw new Error('the session has not begun')
    return this.#coordinator
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

/** Asks again, quickly, while the transaction before is being finished by the broker. */
async function undisturbed<T>(ask: Ask<T>): Promise<T> {
  const deadline = performance.now() + CONCURRENT_DEADLINE_MS
  for (let wait = 1; ; wait = Math.min(wait * 1.5, 50)) {
    try {
      return await ask()
    } catch (error) {
      const type = error instanceof Error && 'type' in error ? error.type : ''
      if (type !== CONCURRENT || performance.now() > deadline) throw error
      await sleep(wait)
    }
  }
}
