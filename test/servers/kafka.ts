import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { Kafka, logLevel } from 'kafkajs'
import { commonProperties, kafkaJars } from './kafka-jars.ts'
import { withFreePorts } from './ports.ts'
import { run } from './run.ts'
import { type ServerCommand, ServerProcess } from './server-process.ts'
import { java, requireTools } from './toolchain.ts'

const clusterId = '4L6g3nShT-eMCtK--X86sw'
/** What starts soonest and is smallest: for tests. */
const small = { jvm: ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'], heap: ['-Xms64m', '-Xmx256m'] }
/** What bin/kafka-run-class.sh of Kafka gives a broker, with half its heap: for measuring, as the small one pauses for up to 70 ms. */
const shipped = {
  jvm: ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
  heap: ['-Xms512m', '-Xmx512m'],
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
  /** How a client with a password gets in over TLS, when the server was started `secure`. */
  readonly secure: SecureListener
  /** For a server that was started `proxied`: a listener of each node whose clients are sent to another port, on which nobody listens yet. */
  readonly proxied: readonly ProxiedListener[]
  /** Resolves when every node that runs answers, and knows all the others that run. */
  ready(): Promise<void>
}

/** A listener that talks TLS and asks for a user (SCRAM-SHA-512): its brokers, the authority of its certificate, and the user. */
export interface SecureListener {
  readonly brokers: readonly string[]
  readonly ca: string
  readonly username: string
  readonly password: string
}

/** Where a node listens, and where it tells its clients to go instead: whoever listens there stands between. Ports of the loopback. */
export interface ProxiedListener {
  readonly port: number
  readonly told: number
}

/**
 * Starts a Kafka of one node (1 s, 150 MB) or three (6 s; replication factor 3, `min.insync.replicas` 2). `asShipped` starts it with the
 * memory and garbage collector that its own start script gives it.
 */
export async function startKafka(
  options: { nodes?: 1 | 3; secure?: boolean; asShipped?: boolean; proxied?: boolean } = {},
): Promise<KafkaServer> {
  const [libs, program] = await Promise.all([kafkaJars(), javaProgram()])
  const amount = options.nodes ?? 1
  const secure = options.secure ?? false
  const { jvm, heap } = options.asShipped === true ? shipped : small
  const perNode = 5
  return withFreePorts(amount * perNode, async ports => {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-kafka-'))
    const all = Array.from({ length: amount }, (_, index) => ({
      id: index + 1,
      port: ports[index * perNode] ?? 0,
      controllerPort: ports[index * perNode + 1] ?? 0,
      securePort: secure ? (ports[index * perNode + 2] ?? 0) : 0,
      proxied:
        options.proxied === true
          ? { port: ports[index * perNode + 3] ?? 0, told: ports[index * perNode + 4] ?? 0 }
          : null,
    }))
    const ca = secure ? await makeKeys(program, folder) : ''
    const classPath = ['-cp', join(libs, '*')]
    const nodes = await Promise.all(
      all.map(async place => {
        const home = join(folder, String(place.id))
        const file = join(home, 'server.properties')
        await mkdir(home)
        await writeFile(
          file,
          `${await commonProperties()}\n${propertiesOf(place, all, { home, keys: join(folder, 'keys.p12') })}\n`,
        )
        const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file, ...scram(secure)]
        await run(program, [...small.jvm, '-Xmx64m', ...classPath, ...format], { env: { PATH: process.env['PATH'] } })
        const args = [...jvm, ...heap, ...classPath, 'kafka.Kafka', file]
        return new Node(place.id, `127.0.0.1:${place.port}`, { program, args, folder, logFile: join(home, 'log') })
      }),
    )
    const listener = { brokers: all.map(place => `127.0.0.1:${place.securePort}`), ca, username, password }
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
  /** 0: it has none. */
  readonly securePort: number
  readonly proxied: ProxiedListener | null
}

function propertiesOf(place: Place, all: readonly Place[], { home, keys }: { home: string; keys: string }): string {
  const replicas = all.length
  const secure = place.securePort === 0 ? '' : `,SASL_SSL://127.0.0.1:${place.securePort}`
  const synced = replicas === 1 ? 1 : 2
  const at = (port: number | undefined): string => (port === undefined ? '' : `,PROXIED://127.0.0.1:${port}`)
  return [
    `node.id=${place.id}`,
    `listeners=PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}${secure}${at(place.proxied?.port)}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${place.port}${secure}${at(place.proxied?.told)}`,
    ...(secure === '' ? [] : secureProperties(keys)),
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

const username = 'app'
const password = 'app-password'
const storePassword = 'only-for-tests'

function secureProperties(keys: string): readonly string[] {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return [
    'sasl.enabled.mechanisms=SCRAM-SHA-512',
    `listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${scram}`,
    `ssl.keystore.location=${keys}`,
    `ssl.keystore.password=${storePassword}`,
    'ssl.keystore.type=PKCS12',
  ]
}

function scram(secure: boolean): readonly string[] {
  return secure ? ['-S', `SCRAM-SHA-512=[name=${username},password=${password}]`] : []
}

/** Makes a key and a certificate that signs itself, and gives the certificate as PEM. */
async function makeKeys(java: string, folder: string): Promise<string> {
  const keytool = java === 'java' ? 'keytool' : join(dirname(java), 'keytool')
  const store = ['-keystore', join(folder, 'keys.p12'), '-storetype', 'PKCS12', '-storepass', storePassword]
  const env = { PATH: process.env['PATH'] }
  const who = [
    '-alias',
    'kafka',
    '-keyalg',
    'EC',
    '-dname',
    'CN=kafka',
    '-ext',
    'SAN=IP:127.0.0.1',
    '-ext',
    'BC=ca:true',
  ]
  await run(keytool, ['-genkeypair', ...who, ...store], { env })
  return run(keytool, ['-exportcert', '-rfc', '-alias', 'kafka', ...store], { env })
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
  readonly secure: SecureListener
  readonly proxied: readonly ProxiedListener[]
  readonly folder: string
}

class Server implements KafkaServer {
  readonly nodes: readonly Node[]
  readonly secure: SecureListener
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

async function javaProgram(): Promise<string> {
  const found = (await requireTools([java])).get(java.name) ?? 'java'
  return found === 'java' ? found : found.endsWith('/bin/java') ? found : join(found, 'bin', 'java')
}
