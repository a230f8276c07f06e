import { createRequire } from 'node:module'
import type { Kafka as KafkaClient } from 'kafkajs'
import { Fault, messageOf } from '../../errors.ts'
import type { Connection } from './driver.ts'
import { faultsOf, type TopicPlan, topicSpecs } from './topics.ts'

const { Kafka } = createRequire(import.meta.url)('kafkajs') as { readonly Kafka: typeof KafkaClient }

/** One line of what `virtbridge topics` found or did. */
export interface TopicReport {
  readonly topic: string
  readonly faults: readonly string[]
  readonly exists: boolean
}

const TOPIC = 2
const RETRY = { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 }

type Admin = ReturnType<KafkaClient['admin']>

/** What is wrong with each topic of a plan; nothing is changed. Throws a Fault when Kafka can not be asked. */
export function inspectTopics(connection: Connection, plan: TopicPlan): Promise<readonly TopicReport[]> {
  return asking(connection, admin => inspect(admin, plan))
}

/** Creates the topics that are missing, each with its settings, and gives their names. Those that exist are left as they are. */
export function createTopics(connection: Connection, plan: TopicPlan): Promise<readonly string[]> {
  return asking(connection, async admin => {
    const missing = (await inspect(admin, plan)).filter(report => !report.exists).map(report => report.topic)
    const topics = topicSpecs(plan)
      .filter(({ topic }) => missing.includes(topic))
      .map(({ topic, partitions, replicas, settings }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: settings.map(({ name, value }) => ({ name, value })),
      }))
    if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true })
    return missing
  })
}

async function inspect(admin: Admin, plan: TopicPlan): Promise<readonly TopicReport[]> {
  const specs = topicSpecs(plan)
  const existing = new Set(await admin.listTopics())
  const asked = specs.map(({ topic }) => topic).filter(topic => existing.has(topic))
  if (asked.length === 0) return specs.map(spec => report(spec.topic, faultsOf(spec, undefined), false))
  const { topics } = await admin.fetchTopicMetadata({ topics: asked })
  const resources = asked.map(name => ({ type: TOPIC, name }))
  const configs = await admin.describeConfigs({ resources, includeSynonyms: false })
  return specs.map(spec => {
    const metadata = topics.find(({ name }) => name === spec.topic)
    const config = configs.resources.find(({ resourceName }) => resourceName === spec.topic)
    if (metadata === undefined) return report(spec.topic, faultsOf(spec, undefined), false)
    const found = {
      partitions: metadata.partitions.length,
      replicas: Math.min(...metadata.partitions.map(({ replicas }) => replicas.length)),
      settings: new Map(config?.configEntries.map(({ configName, configValue }) => [configName, configValue])),
    }
    return report(spec.topic, faultsOf(spec, found), true)
  })
}

function report(topic: string, faults: readonly string[], exists: boolean): TopicReport {
  return { topic, faults, exists }
}

async function asking<T>(connection: Connection, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const { brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = connection
  const client = new Kafka({
    brokers: [...brokers],
    clientId,
    ...(tls === null ? {} : { ssl: tls }),
    ...(sasl === null ? {} : { sasl: sasl as never }),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: RETRY,
    logCreator: () => () => undefined,
  })
  const admin = client.admin({ retry: RETRY })
  try {
    await admin.connect()
    return await ask(admin)
  } catch (error) {
    throw new Fault('log_kafka', `Kafka at ${brokers.join(', ')} can not be asked: ${messageOf(error)}`, {
      hint: 'log.kafka.brokers must name brokers that this machine reaches; with tls and sasl as they want it',
      cause: error,
    })
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
