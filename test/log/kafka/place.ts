import { basename } from 'node:path'
import { createTopics, type Connection, type TopicPlan } from '../../../src/log/kafka/index.ts'
import type { KafkaLogOptions } from '../../../src/log/kafka/engine.ts'
import { openKafkaLog } from '../../../src/log/kafka/open.ts'
import type { EventLog } from '../../../src/log/index.ts'

const DAY_MS = 86_400_000

/** How a test reaches its brokers: short time-outs, as everything is on this machine. */
export function connectionTo(brokers: readonly string[]): Connection {
  return { brokers, clientId: 'virtbridge', tls: null, sasl: null, connectTimeoutMs: 2_000, requestTimeoutMs: 5_000 }
}

/** Few partitions, as a test has topics of its own; more than one, as that is what has to work. */
export function planOf(prefix: string, replicas: number, partitions = 3): TopicPlan {
  return { prefix, partitions, replicas, retentionMs: 7 * DAY_MS, auditRetentionMs: 400 * DAY_MS }
}

/** Opens the log whose topics are named after a folder, creating them the first time. */
export async function openIn(
  folder: string,
  brokers: readonly string[],
  more: Partial<KafkaLogOptions> = {},
): Promise<EventLog> {
  const connection = connectionTo(brokers)
  const topics = more.topics ?? planOf(basename(folder), brokers.length === 1 ? 1 : 3)
  await createTopics(connection, topics)
  return openKafkaLog({ connection, topics, perCluster: 1, compression: 'none', ...more })
}
