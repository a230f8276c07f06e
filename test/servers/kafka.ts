import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { Kafka, logLevel } from 'kafkajs'
import { mendTimers } from '../../src/log/kafka/timers.ts'
import type { Identity } from './authority.ts'
import { commonProperties, javaProgram, kafkaJars } from './kafka-jars.ts'
import {
  formatUsers,
  makeKeys,
  secureListeners,
  type SecureListeners,
  type SecurePorts,
  secureProperties,
} from './kafka-security.ts'
import { withFreePorts } from './ports.ts'
import { run } from './run.ts'
import { type ServerCommand, ServerProcess } from './server-process.ts'

const clusterId = '4L6g3nShT-eMCtK--X86sw'
/** What starts soonest and is smallest: for tests. */
const small = { jvm: ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'], heap: ['-Xms64m', '-Xmx256m'] }
/**
 * For measuring: the collector and the heap of Kafka's own start script, but with half of it for what is young. With 512 MB and without
 * that, G1 keeps 25 MB for the young, and at a hundred commits a second it stopped the broker 27 times in three minutes for a second in
 * all, each time for all who wait; so, twice, at the start. The small one pauses for up to 70 ms.
 */
const shipped = {
  jvm: ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
  heap: ['-Xms1g', '-Xmx1g', '-Xmn512m'],
}

/** One node of a Kafka: broker and controller in one, on ports of its own that stay its own over restarts. */
export interface KafkaNode {
  readonly id: number
  readonly broker: string
  /** SIGSTOP and SIGCONT return at once; what ends it returns when it has ended. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** Starts it again with what its disk holds. Does not wait for it: `ready` does. */
  start(): void
}

/** A Kafka on the loopback in KRaft mode, empty at first, gone with all it held when disposed. */
export interface KafkaServer extends AsyncDisposable {
  readonly brokers: readonly string[]
  readonly nodes: readonly KafkaNode[]
  /** For a server that was started `secure`: listeners that ask who one is (users: `kafka-security.ts`). */
  readonly secure: SecureListeners
  /** For a server that was started `proxied`: a listener of each node whose clients are sent to another port, on which nobody listens yet. */
  readonly proxied: readonly ProxiedListener[]
  /** Resolves when every node that runs answers, and knows all the others that run. */
  ready(): Promise<void>
}

/** Where a node listens, and where it tells its clients to go instead: whoever listens there stands between. Ports of the loopback. */
export interface ProxiedListener {
  readonly port: number
  readonly told: number
}

/**
 * Starts a Kafka of one node (1 s, 150 MB) or three (6 s; replication factor 3, `min.insync.replicas` 2). `asShipped` starts it with the
 * memory and garbage collector that its own start script gives it; `secure` has listeners for users and certificates, and with `acls`
 * those have no right that they were not given.
 */
export async function startKafka(
  options: { nodes?: 1 | 3; secure?: boolean | 'acls'; asShipped?: boolean; proxied?: boolean } = {},
): Promise<KafkaServer> {
  const [libs, program] = await Promise.all([kafkaJars(), javaProgram()])
  const amount = options.nodes ?? 1
  const { secure = false } = options
  const { jvm, heap } = options.asShipped === true ? shipped : small
  const perNode = 7
  return withFreePorts(amount * perNode, async ports => {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-kafka-'))
    const all = Array.from({ length: amount }, (_, index) => ({
      id: index + 1,
      port: ports[index * perNode] ?? 0,
      controllerPort: ports[index * perNode + 1] ?? 0,
      secure:
        secure === false
          ? null
          : {
              saslSsl: ports[index * perNode + 2] ?? 0,
              saslPlain: ports[index * perNode + 5] ?? 0,
              mutual: ports[index * perNode + 6] ?? 0,
            },
      proxied:
        options.proxied === true
          ? { port: ports[index * perNode + 3] ?? 0, told: ports[index * perNode + 4] ?? 0 }
          : null,
    }))
    const authority = secure === false ? null : await makeKeys(folder)
    const classPath = ['-cp', join(libs, '*')]
    const nodes = await Promise.all(
      all.map(async place => {
        const home = join(folder, String(place.id))
        const file = join(home, 'server.properties')
        await mkdir(home)
        await writeFile(
          file,
          `${await commonProperties()}\n${propertiesOf(place, all, { home, secure: secure === false ? [] : secureProperties(folder, secure === 'acls') })}\n`,
        )
        const format = [
          'kafka.tools.StorageTool',
          'format',
          '-t',
          clusterId,
          '-c',
          file,
          ...(secure === false ? [] : formatUsers()),
        ]
        await run(program, [...small.jvm, '-Xmx64m', ...classPath, ...format], { env: { PATH: process.env['PATH'] } })
        const args = [...jvm, ...heap, ...classPath, 'kafka.Kafka', file]
        return new Node(place.id, `127.0.0.1:${place.port}`, { program, args, folder, logFile: join(home, 'log') })
      }),
    )
    const at = (listener: keyof SecurePorts): readonly string[] =>
      all.map(place => `127.0.0.1:${place.secure?.[listener] ?? 0}`)
    const listener = {
      saslSsl: at('saslSsl'),
      saslPlain: at('saslPlain'),
      mutual: at('mutual'),
      ca: authority?.certificate ?? '',
      issue: (name: string): Identity => authority?.issue(name) ?? { key: '', certificate: '' },
      renew: () => makeKeys(folder),
    }
    const proxied = all.flatMap(place => (place.proxied === null ? [] : [place.proxied]))
    const server = new Server({ nodes, secure: listener, proxied, folder })
    try {
      for (const node of nodes) node.start()
      await server.ready()
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
    return server
  })
}

interface Place {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly secure: SecurePorts | null
  readonly proxied: ProxiedListener | null
}

function propertiesOf(
  place: Place,
  all: readonly Place[],
  { home, secure }: { home: string; secure: readonly string[] },
): string {
  const replicas = all.length
  const listeners = place.secure === null ? '' : secureListeners(place.secure)
  const synced = replicas === 1 ? 1 : 2
  const at = (port: number | undefined): string => (port === undefined ? '' : `,PROXIED://127.0.0.1:${port}`)
  return [
    `node.id=${place.id}`,
    `listeners=PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}${listeners}${at(place.proxied?.port)}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${place.port}${listeners}${at(place.proxied?.told)}`,
    ...secure,
    `controller.quorum.voters=${all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',')}`,
    `log.dirs=${join(home, 'data')}`,
    `default.replication.factor=${replicas}`,
    `min.insync.replicas=${synced}`,
    `offsets.topic.replication.factor=${replicas}`,
    `transaction.state.log.replication.factor=${replicas}`,
    `transaction.state.log.min.isr=${synced}`,
    `share.coordinator.state.topic.replication.factor=${replicas}`,
    `share.coordinator.state.topic.min.isr=${synced}`,
  ].join('\n')
}

class Node implements KafkaNode, AsyncDisposable {
  readonly id: number
  readonly broker: string
  readonly #command: ServerCommand
  #process: ServerProcess | null = null
  #ended: Promise<void>[] = []

  constructor(id: number, broker: string, command: ServerCommand) {
    this.id = id
    this.broker = broker
    this.#command = command
  }

  get process(): ServerProcess | null {
    return this.#process?.running === true ? this.#process : null
  }

  start(): void {
    if (this.#process !== null) this.#ended.push(this.#process[Symbol.asyncDispose]())
    this.#process = new ServerProcess(this.#command)
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.signal(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#ended, this.#process?.[Symbol.asyncDispose]()])
  }
}

interface Parts {
  readonly nodes: readonly Node[]
  readonly secure: SecureListeners
  readonly proxied: readonly ProxiedListener[]
  readonly folder: string
}

class Server implements KafkaServer {
  readonly nodes: readonly Node[]
  readonly secure: SecureListeners
  readonly proxied: readonly ProxiedListener[]
  readonly #folder: string

  constructor({ nodes, secure, proxied, folder }: Parts) {
    this.nodes = nodes
    this.secure = secure
    this.proxied = proxied
    this.#folder = folder
  }

  get brokers(): readonly string[] {
    return this.nodes.map(node => node.broker)
  }

  async ready(): Promise<void> {
    const running = this.nodes.filter(node => node.process !== null)
    const known = new Set(running.map(node => node.id))
    for (const node of running) {
      await node.process?.waitUntil(async () => {
        const seen = await brokersSeenBy(node.broker)
        return [...known].every(id => seen.includes(id))
      }, 'ready')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(node => node[Symbol.asyncDispose]()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** The nodes that one broker tells of, when it answers and has a controller. */
async function brokersSeenBy(broker: string): Promise<readonly number[]> {
  // Else every test begins with a warning of kafkajs' timers.
  mendTimers()
  const retry = { retries: 0 }
  const client = new Kafka({
    brokers: [broker],
    retry,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    logLevel: logLevel.NOTHING,
  })
  const admin = client.admin({ retry })
  try {
    await admin.connect()
    const { brokers, controller } = await admin.describeCluster()
    return controller === null || controller < 0 ? [] : brokers.map(({ nodeId }) => nodeId)
  } catch {
    return []
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
