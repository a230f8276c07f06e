import type { Socket } from 'node:net'
import { Cluster, quiet, type SocketFactory, socketFactory } from './driver.ts'
import { readWhole } from './line.ts'
import { named, teach } from './missing-right.ts'
import { mendTimers } from './timers.ts'

/** How to reach and talk to the brokers. */
export interface Connection {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Options of `tls.connect`; null for plain text. */
  readonly tls: object | null
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | null
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** Within one connect or lookup only; whoever called starts anew after that, with fresh metadata. */
const RETRY = { retries: 3, initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 }

const CLOSED = 'the client was closed'

/** A client of the cluster with connections of its own. */
export interface Client {
  readonly cluster: Cluster
  /** How many of its connections have ended. kafkajs makes new ones in silence, which may lead to a broker that began anew. */
  readonly cuts: number
  /** Ends every connection at once; what waits for an answer is rejected. */
  close(): Promise<void>
}

/** A client that is not connected yet. */
export function createClient(connection: Connection): Client {
  mendTimers()
  readWhole()
  const sockets = new Set<Socket>()
  const connect = socketFactory()
  let closed = false
  let cuts = 0
  const cluster = createCluster(connection, options => {
    // Read for each connection, as files may have changed; kafkajs would keep those of the first.
    const { tls } = connection
    const socket = connect(tls === null ? options : { ...options, ssl: tls })
    // A request is one small write whose answer is waited for: nothing is gained by holding it back.
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      cuts += 1
    })
    if (closed) socket.destroy(new Error(CLOSED))
    return socket
  })
  tellRights(cluster, userOf(connection))
  // kafkajs would wait for what is under way, which of a broker that hangs is long. It hears of an end only by an error.
  const close = async (): Promise<void> => {
    closed = true
    for (const socket of sockets) socket.destroy(new Error(CLOSED))
    await cluster.disconnect().catch(() => undefined)
  }
  limitConnecting(cluster, connection, close)
  return {
    cluster,
    get cuts() {
      return cuts
    },
    close,
  }
}

/**
 * A broker that accepts and then hangs ends the client soon, so that whoever has it begins anew with another broker, and with leaders as
 * they are then. kafkajs would ask the same one again and again, each time for as long as a request may take.
 */
function limitConnecting(cluster: Cluster, connection: Connection, close: () => Promise<void>): void {
  const ms = connection.connectTimeoutMs * 2
  const limited = async <T>(work: Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new Error(`no broker let us in within ${ms / 1000} s`))
      void close()
    }, ms)
    try {
      return await Promise.race([work, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
  const connect = cluster.connect.bind(cluster)
  const findBroker = cluster.findBroker.bind(cluster)
  cluster.connect = () => limited(connect())
  cluster.findBroker = node => limited(findBroker(node))
}

/** Every broker that the cluster gives out says which right was missing. */
function tellRights(cluster: Cluster, user: string): void {
  const findBroker = cluster.findBroker.bind(cluster)
  const findGroupCoordinator = cluster.findGroupCoordinator.bind(cluster)
  cluster.findBroker = async node => teach(await findBroker(node), user)
  cluster.findGroupCoordinator = async group => {
    try {
      return teach(await findGroupCoordinator(group), user)
    } catch (error) {
      throw named(error, 'Write', user)
    }
  }
}

/** Who we are to the brokers, for a person. */
export function userOf({ sasl, tls }: Connection): string {
  if (sasl !== null) return `the user ${sasl.username}`
  return tls !== null && 'cert' in tls ? 'the user of our certificate' : 'everybody (log.kafka.sasl is not set)'
}

function createCluster(connection: Connection, factory: SocketFactory): Cluster {
  return new Cluster({
    logger: quiet,
    socketFactory: factory,
    brokers: inTurn(connection.brokers),
    clientId: connection.clientId,
    ssl: connection.tls,
    sasl: freshLogin(connection),
    connectionTimeout: connection.connectTimeoutMs,
    authenticationTimeout: connection.connectTimeoutMs,
    reauthenticationThreshold: 10_000,
    requestTimeout: connection.requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    retry: RETRY,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: 1,
  })
}

let turns = 0

/**
 * The brokers, each client beginning with another one. kafkajs asks the first until one refuses to connect: one that hangs, or a balancer
 * that accepts and closes, would keep us from all the others for as long.
 */
function inTurn(brokers: readonly string[]): string[] {
  // Every second client is a reader: with two brokers each kind would stay with one.
  const first = (turns + Math.floor(turns / brokers.length)) % brokers.length
  turns += 1
  return [...brokers.slice(first), ...brokers.slice(0, first)]
}

/** The login as it is when a connection asks for it. kafkajs keeps this object, and an authenticator of its own in it. */
function freshLogin(connection: Connection): object | null {
  if (connection.sasl === null) return null
  return {
    mechanism: connection.sasl.mechanism,
    get username() {
      return connection.sasl?.username
    },
    get password() {
      return connection.sasl?.password
    },
  }
}
