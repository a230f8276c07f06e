import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

/**
 * What is used of kafkajs 2.2.4: its protocol layer (connections, authentication, metadata, request encoders), not its producer and
 * consumer. Those lose acknowledged records in ways that a caller can avoid only in part (docs/decisions/0010-kafka-writer.md), so
 * the transactions of `session.ts` and the reads of `reader.ts` are made of single requests, each of which succeeds or throws.
 *
 * The version is pinned exactly: these are files of the package, not its public interface.
 */
const require = createRequire(import.meta.url)

interface ProducedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset: string
}

export interface RecordToSend {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  readonly timestamp: number
}

interface ProduceRequest {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
  readonly acks: -1
  readonly timeout: number
  readonly compression: number
  readonly topicData: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly firstSequence: number
      readonly messages: readonly RecordToSend[]
    }[]
  }[]
}

interface Transaction {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
}

interface ListOffsetsRequest {
  readonly replicaId?: number
  readonly isolationLevel: 0 | 1
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[]
  }[]
}

export interface Broker {
  readonly nodeId: number
  readonly connectionPool: { send(request: unknown): Promise<unknown> }
  produce(request: ProduceRequest): Promise<{
    readonly topics: readonly { readonly topicName: string; readonly partitions: readonly ProducedPartition[] }[]
  }>
  initProducerId(request: {
    transactionalId: string
    transactionTimeout: number
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>
  addPartitionsToTxn(
    request: Transaction & { topics: readonly { topic: string; partitions: readonly number[] }[] },
  ): Promise<unknown>
  endTxn(request: Transaction & { transactionResult: boolean }): Promise<unknown>
  listOffsets(request: ListOffsetsRequest): Promise<{
    readonly responses: readonly {
      readonly topic: string
      readonly partitions: readonly {
        readonly partition: number
        readonly errorCode: number
        readonly offset: string
      }[]
    }[]
  }>
}

export interface PartitionMetadata {
  readonly partitionId: number
  readonly leader: number
  readonly partitionErrorCode: number
}

export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[]
  findBroker(node: { nodeId: number }): Promise<Broker>
  findGroupCoordinator(group: { groupId: string; coordinatorType: number }): Promise<Broker>
}

export type SocketFactory = (options: object) => Socket

interface Quiet {
  namespace(): Quiet
  error(): void
  warn(): void
  info(): void
  debug(): void
}

/** A client of the brokers as kafkajs has it; `client.ts` makes one. */
export const Cluster = require('kafkajs/src/cluster') as new (options: object) => Cluster
/** Makes the sockets that kafkajs would make. */
export const socketFactory = require('kafkajs/src/network/socketFactory') as () => SocketFactory
const compression = require('kafkajs/src/protocol/message/compression') as { readonly Codecs: Record<number, unknown> }
const fetches = require('kafkajs/src/protocol/requests/fetch') as {
  protocol(version: {
    version: 11
  }): (request: FetchRequest) => { readonly request: unknown; readonly requestTimeout: number }
}
const errors = require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error }

export interface FetchRequest {
  readonly replicaId: -1
  readonly isolationLevel: 1
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly fetchOffset: number
      readonly maxBytes: number
    }[]
  }[]
}

/** The coordinator of transactions, as FindCoordinator names it. */
export const TRANSACTION_COORDINATOR = 1

/** A logger for kafkajs that says nothing: what happens is told by what is thrown. */
export const quiet: Quiet = {
  namespace: () => quiet,
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}

/** Sends one Fetch and gives the response as it came, for `fetch-response.ts`. */
export async function fetchRaw(broker: Broker, request: FetchRequest): Promise<Buffer> {
  const { request: encoded, requestTimeout } = fetches.protocol({ version: 11 })(request)
  const response = {
    decode: (raw: Buffer) => Promise.resolve(raw),
    parse: (raw: Buffer) => Promise.resolve(raw),
  }
  return (await broker.connectionPool.send({ request: encoded, response, requestTimeout })) as Buffer
}

/** The error that Kafka means by a code, as kafkajs throws it: with `type` and `code`. */
export function errorOf(code: number): Error {
  return errors.createErrorFromCode(code)
}

export const COMPRESSION = { none: 0, gzip: 1, zstd: 4 } as const

/** kafkajs has no zstd; Node has, since 22.15. */
export function addZstd(): void {
  if (typeof zlib.zstdCompress !== 'function') return
  const compress = promisify(zlib.zstdCompress)
  const decompress = promisify(zlib.zstdDecompress)
  compression.Codecs[COMPRESSION.zstd] = () => ({
    compress: (encoder: { buffer: Buffer }) => compress(encoder.buffer),
    decompress: (buffer: Buffer) => decompress(buffer),
  })
}
