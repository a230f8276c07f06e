import { createRequire } from 'node:module'
import type { Kafka as KafkaClient } from 'kafkajs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, messageOf } from '../../errors.ts'
import { type Client, type Connection, createClient, userOf } from './client.ts'
import { quiet } from './driver.ts'
import { mayPass } from './errors.ts'
import { lacks, MissingRight } from './missing-right.ts'
import { mendsOf } from './mend.ts'
import { missingRights } from './probe.ts'
import { type Refusal, refusalOf, RIGHTS } from './refusal.ts'
import { faultsOf, type FoundTopic, type TopicPlan, topicSpecs } from './topics.ts'

type Admin = ReturnType<KafkaClient['admin']>

const createAdmin = createRequire(import.meta.url)('kafkajs/src/admin') as (options: object) => Admin

/** What was found of one topic. */
export interface TopicReport {
  readonly topic: string
  readonly faults: readonly string[]
  readonly exists: boolean
}

/** What was found of all topics of a plan. */
export interface TopicsReport {
  readonly topics: readonly TopicReport[]
  /** Lines for a shell that make them as they have to be (`mend.ts`); none when nothing is wrong. */
  readonly mends: readonly string[]
}

const TOPIC = 2
const RETRY = { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 }
/** Brokers that are just starting are waited for as long as so many connections may take, and each is tried once at least. */
const PATIENCE = 2
const AGAIN_MS = 200
const REACH = 'log.kafka.brokers must name brokers that this machine reaches; with tls and sasl as they want it'

/**
 * What is wrong with the topics of a plan; nothing is changed. Throws a Fault when Kafka can not be asked, or when the user lacks a
 * right, with all that it lacks; `rights: false` looks only for those that looking takes.
 */
export function inspectTopics(
  connection: Connection,
  plan: TopicPlan,
  options: { rights: boolean } = { rights: true },
): Promise<TopicsReport> {
  return asking(connection, async (admin, client) => {
    const found = await findTopics(admin, plan, connection)
    const there = topicSpecs(plan).filter(({ topic }) => found.has(topic))
    const names = there.map(({ topic }) => topic)
    const missing = options.rights && names.length > 0 ? await missingRights(client, plan.prefix, names) : []
    if (missing.length > 0) {
      throw new Fault('log_kafka', `${userOf(connection)} lacks rights: ${missing.join('; ')}`, { hint: RIGHTS })
    }
    const { brokers } = await admin.describeCluster()
    const compared = topicSpecs(plan).map(spec => ({ spec, found: found.get(spec.topic) }))
    const topics = compared.map(({ spec, found }) => ({
      topic: spec.topic,
      faults: faultsOf(spec, found),
      exists: found !== undefined,
    }))
    return {
      topics,
      mends: mendsOf(
        compared,
        brokers.map(({ nodeId }) => nodeId),
      ),
    }
  })
}

/** A Fault that tells what is wrong with topics and what mends it; null when nothing is wrong. */
export function faultIn({ topics, mends }: TopicsReport): Fault | null {
  const faults = topics.flatMap(report => report.faults)
  if (faults.length === 0) return null
  return new Fault('log_topics', `the topics of the log are not as they have to be: ${faults.join('; ')}`, {
    hint: `virtbridge topics shows each; nothing is changed by itself. What mends it:\n${mends.join('\n')}`,
  })
}

/** Creates the topics that are missing, each with its settings, and gives their names. Those that exist are left as they are. */
export function createTopics(connection: Connection, plan: TopicPlan): Promise<readonly string[]> {
  // A broker may create them and be gone before it says so.
  const made = new Set<string>()
  return asking(connection, async admin => {
    const found = await findTopics(admin, plan, connection)
    const missing = topicSpecs(plan).filter(({ topic }) => !found.has(topic))
    for (const { topic } of missing) made.add(topic)
    const topics = missing.map(({ topic, partitions, replicas, settings }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: replicas,
      configEntries: settings.map(({ name, value }) => ({ name, value })),
    }))
    if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true })
    await listed(admin, made, performance.now() + connection.connectTimeoutMs * PATIENCE)
    return [...made]
  })
}

/** Waits until a broker lists them: the controller says that they are there before that. */
async function listed(admin: Admin, topics: ReadonlySet<string>, deadline: number): Promise<void> {
  while (performance.now() < deadline && !topics.isSubsetOf(new Set(await admin.listTopics()))) await sleep(AGAIN_MS)
}

async function findTopics(
  admin: Admin,
  plan: TopicPlan,
  connection: Connection,
): Promise<ReadonlyMap<string, FoundTopic>> {
  const listed = new Set(await admin.listTopics())
  const specs = topicSpecs(plan)
  const there = specs.map(({ topic }) => topic).filter(topic => listed.has(topic))
  const [unseen] = specs.filter(({ topic }) => !listed.has(topic))
  if (unseen !== undefined) await insistThatItIsMissing(admin, unseen.topic, connection)
  if (there.length === 0) return new Map()
  const { topics } = await admin.fetchTopicMetadata({ topics: there })
  const configs = await admin.describeConfigs({
    resources: there.map(name => ({ type: TOPIC, name })),
    includeSynonyms: false,
  })
  return new Map(
    topics.map(({ name, partitions }) => {
      const assignment = [...partitions].sort((a, b) => a.partitionId - b.partitionId).map(({ replicas }) => replicas)
      const config = configs.resources.find(({ resourceName }) => resourceName === name)
      const settings = config?.configEntries.map(({ configName, configValue }) => [configName, configValue] as const)
      const replicas = Math.min(...assignment.map(({ length }) => length))
      return [name, { partitions: assignment.length, replicas, assignment, settings: new Map(settings) }]
    }),
  )
}

/** A list leaves out what its reader has no right to. Asked for by name, Kafka says which it is. */
async function insistThatItIsMissing(admin: Admin, topic: string, connection: Connection): Promise<void> {
  try {
    await admin.fetchTopicMetadata({ topics: [topic] })
  } catch (error) {
    if (lacks(error, 'topics') && error instanceof Error) throw new MissingRight(userOf(connection), 'Read', error)
  }
}

/**
 * Asks by clients that begin with one broker after the other, until one answers: brokers that are just starting, or were just killed and
 * are still told of, are waited for. Those that refuse us are not.
 */
async function asking<T>(connection: Connection, ask: (admin: Admin, client: Client) => Promise<T>): Promise<T> {
  const deadline = performance.now() + connection.connectTimeoutMs * PATIENCE
  for (let tries = 1; ; tries += 1) {
    let client: Client | null = null
    try {
      client = createClient(connection)
      await client.cluster.connect()
      const admin = createAdmin({ logger: quiet, retry: RETRY, cluster: client.cluster })
      return await ask(admin, client)
    } catch (error) {
      const refusal = refusalOf(error, connection)
      const over = tries >= connection.brokers.length && performance.now() > deadline
      if (refusal?.final === true || over || !mayPass(error)) throw unasked(connection, refusal, error)
    } finally {
      await client?.close()
    }
    await sleep(AGAIN_MS)
  }
}

function unasked({ brokers }: Connection, refusal: Refusal | null, error: unknown): Fault {
  const why = refusal?.what ?? messageOf(error)
  return new Fault('log_kafka', `Kafka at ${brokers.join(', ')} can not be asked: ${why}`, {
    hint: refusal?.hint ?? REACH,
    cause: error,
  })
}
