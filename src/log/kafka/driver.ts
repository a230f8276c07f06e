import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { type Api, ask, isOpen, type Line } from './line.ts'

/**
 * What is used of kafkajs 2.2.4: its protocol layer (connections, authentication, metadata, encoders of what is asked seldom), not its
 * producer and consumer. Those lose acknowledged records in ways that a caller can avoid only in part (docs/decisions/0010-kafka-writer.md), so
 * the transactions of `session.ts` and the reads of `reader.ts` are made of single requests, each of which succeeds or throws.
 *
 * The version is pinned exactly: these are files of the package, not its public interface.
 */
const require = createRequire(import.meta.url)

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
  readonly connectionPool: {
    send(request: unknown): Promise<unknown>
    /** The connection for all requests, and that for Fetch alone. */
    readonly pool: readonly Line[]
  }
  initProducerId(request: {
    transactionalId: string
    transactionTimeout: number
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>
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
  return (await broker.connectionPool.send({ request: encoded, response: asItCame, requestTimeout })) as Buffer
}

/** Sends a request that is encoded already, but for its header, and gives the response as it came. */
export async function sendRaw(broker: Broker, api: Api, body: Buffer): Promise<Buffer> {
  const [line] = broker.connectionPool.pool
  if (isOpen(line)) return ask(line, api, body)
  // What kafkajs takes from its own encoder.
  const encoded = { buf: body, buffer: body }
  const request = { ...api, encode: () => Promise.resolve(encoded) }
  return (await broker.connectionPool.send({ request, response: asItCame })) as Buffer
}

const asItCame = {
  decode: (raw: Buffer) => Promise.resolve(raw),
  parse: (raw: Buffer) => Promise.resolve(raw),
}

/** The error that Kafka means by a code, as kafkajs throws it: with `type` and `code`. */
export function errorOf(code: number): Error {
  return errors.createErrorFromCode(code)
}

export const COMPRESSION = { none: 0, gzip: 1, zstd: 4 } as const
