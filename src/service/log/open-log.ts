import { readFileSync } from 'node:fs'
import { type KafkaConfig, type LogConfig, readSecret } from '../../config/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import { eventJudge } from '../../event/index.ts'
import {
  type DeadLetter,
  type EventLog,
  LetterBook,
  type LogHealth,
  openKafkaLog,
  openSqliteLog,
} from '../../log/index.ts'
import type { Connection, KafkaLogOptions, TopicPlan } from '../../log/kafka/index.ts'
import { VERSION } from '../../version.ts'
import { refuseHalfCopied } from './copy-log.ts'

type Env = Readonly<Record<string, string | undefined>>

export const DAY_MS = 86_400_000
const GIB = 1_073_741_824
const CONNECT_MS = 5_000
const REQUEST_MS = 15_000

/** Callbacks of a log: Kafka does not know these topics of it yet, its health changed, or a record became a dead letter. */
export interface LogListener {
  readonly onUnseenTopics?: (topics: readonly string[]) => void
  readonly onHealth?: (health: LogHealth) => void
  readonly onDead?: (letter: DeadLetter) => void
}

/** What is told of topics that are waited for. */
export function unseenTopics(topics: readonly string[]): string {
  return `Kafka does not know ${topics.join(', ')} yet; it is asked again for some seconds, as that is so right after they were created`
}

/** Opens the log that the configuration names: Kafka with `log.kafka`, else the SQLite file `log.path`. Rejects with a Fault, as `log_held` when another process has it. */
export async function openLog(config: LogConfig, env: Env, listener: LogListener = {}): Promise<EventLog> {
  const { kafka } = config
  const retention = {
    retentionMs: config.retention_days * DAY_MS,
    auditRetentionMs: config.audit_retention_days * DAY_MS,
  }
  const records = { ...listener, letters: new LetterBook(), ...(config.validate_events ? { judge: eventJudge() } : {}) }
  if (kafka === undefined) {
    const size = { maxBytes: config.max_size_gb * GIB, sizeTakesAudit: config.max_size_takes_audit }
    return openSqliteLog({ file: config.path, ...retention, ...size, ...records })
  }
  return openKafka(config, kafka, env, { ...records, before: refuseHalfCopied })
}

/** Opens the log on Kafka. Without `more.before` also one that `virtbridge log copy` has not finished, for that command to go on. Rejects with a Fault. */
export function openKafka(
  config: LogConfig,
  kafka: KafkaConfig,
  env: Env,
  more: Partial<KafkaLogOptions>,
): Promise<EventLog> {
  return openKafkaLog({
    connection: connectionOf(kafka, env),
    topics: topicsOf(config, kafka),
    perCluster: kafka.partitions_per_cluster,
    compression: kafka.compression,
    ...more,
  })
}

/** How the brokers are reached. Certificates and the password are read again for each new connection, so that rotated ones count. */
export function connectionOf(kafka: KafkaConfig, env: Env): Connection {
  const { brokers, tls, sasl } = kafka
  return {
    brokers,
    clientId: `virtbridge/${VERSION}`,
    connectTimeoutMs: CONNECT_MS,
    requestTimeoutMs: REQUEST_MS,
    get tls() {
      if (!tls.enabled) return null
      const file = (key: string, path: string): object => (path === '' ? {} : { [key]: readPem(path) })
      return { ...file('ca', tls.ca_file), ...file('cert', tls.cert_file), ...file('key', tls.key_file) }
    },
    get sasl() {
      if (sasl === undefined) return null
      return { mechanism: sasl.mechanism, username: sasl.username, password: readSecret(sasl.password, env) }
    },
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Fault('log_kafka', `${path} can not be read: ${messageOf(error)}`, {
      hint: 'log.kafka.tls names PEM files, readable to this process',
    })
  }
}

/** The topics as the configuration wants them: names, partitions, replicas, retention. */
export function topicsOf(config: LogConfig, kafka: KafkaConfig): TopicPlan {
  return {
    prefix: kafka.topic_prefix,
    partitions: kafka.partitions,
    replicas: kafka.replicas,
    retentionMs: config.retention_days * DAY_MS,
    auditRetentionMs: config.audit_retention_days * DAY_MS,
  }
}
