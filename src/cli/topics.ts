import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { KafkaConfig, LogConfig } from '../config/index.ts'
import { Fault, messageOf } from '../errors.ts'
import { aclCommands, createTopics, inspectTopics, type Right, rightsOf, topicSpecs } from '../log/kafka/index.ts'
import { connectionOf, topicsOf } from '../service/log/open-log.ts'
import { counted } from '../whole-number.ts'
import { paint, type Terminal } from './terminal.ts'

export interface TopicsOptions {
  readonly create: boolean
  readonly acls: boolean
  readonly json: boolean
}

/**
 * Shows the topics of the log as they have to be and as they are, creates those that are missing when asked, and prints the rights
 * that are needed. Resolves with whether all is as it has to be. Throws a Fault when the log is not on Kafka, or Kafka does not answer.
 */
export async function showTopics(
  config: LogConfig,
  options: TopicsOptions,
  env: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): Promise<boolean> {
  const { kafka } = config
  if (kafka === undefined) {
    throw new Fault('log_topics', 'the log of this configuration is a file, which has no topics', {
      hint: 'log.kafka names brokers; docs/operations/kafka.md tells the rest',
    })
  }
  if (options.acls) {
    showRights(kafka, options, terminal)
    return true
  }
  const plan = topicsOf(config, kafka)
  const connection = connectionOf(kafka, env)
  const created = options.create ? await createTopics(connection, plan) : []
  // Whoever creates them may be another user than the one who writes.
  const { topics: reports, mends } = await inspectTopics(connection, plan, { rights: !options.create })
  const specs = topicSpecs(plan)
  const well = reports.every(({ faults }) => faults.length === 0)
  if (options.json) {
    const rows = specs.map(spec => ({ ...spec, ...reports.find(({ topic }) => topic === spec.topic) }))
    terminal.out(JSON.stringify(rows.map(row => ({ ...row, created: created.includes(row.topic) }))))
    return well
  }
  for (const { topic, partitions, replicas, settings } of specs) {
    const faults = reports.find(report => report.topic === topic)?.faults ?? []
    const mark = faults.length === 0 ? paint(terminal, 'green', 'ok  ') : paint(terminal, 'red', 'FAIL')
    const wanted = settings.map(({ name, value }) => `${name}=${value}`).join(' ')
    terminal.out(`${mark}  ${topic}${created.includes(topic) ? ' (created)' : ''}`)
    terminal.out(
      `      ${paint(terminal, 'dim', `${counted(partitions, 'partition')}, ${counted(replicas, 'replica')}, ${wanted}`)}`,
    )
    for (const fault of faults) terminal.out(`      ${fault}`)
  }
  if (!well) terminal.out(`\n${MENDS}`)
  for (const line of mends) terminal.out(line)
  return well
}

const MENDS = `# what mends it; nothing is changed by itself ($BROKERS: where Kafka is; admin.properties: how its administrator gets in)`

/** Whom the rights are for. Who creates the topics is the bridge's user here: it needs the rights of both. */
const FOR: readonly { readonly who: Right['who']; readonly what: string }[] = [
  { who: 'bridge', what: 'the bridge' },
  { who: 'creator', what: 'only for virtbridge topics --create' },
  { who: 'reader', what: 'who only reads events, as rulebooks do: give each its own user' },
]

/** A user of the events, until somebody gives it another name. */
const READER = 'eda'

function showRights(kafka: KafkaConfig, { json }: TopicsOptions, terminal: Terminal): void {
  const principal = principalOf(kafka)
  const rights = rightsOf(kafka.topic_prefix)
  if (json) {
    terminal.out(
      JSON.stringify(rights.map(right => ({ principal: right.who === 'reader' ? READER : principal, ...right }))),
    )
    return
  }
  for (const { who, what } of FOR) {
    terminal.out(`# ${what}`)
    const theirs = rights.filter(right => right.who === who)
    for (const line of aclCommands(theirs, who === 'reader' ? READER : principal)) terminal.out(line)
  }
}

/** Who the brokers take us for: the user of the password, else the name in our certificate, most special part first (RFC 2253). */
function principalOf({ sasl, tls }: KafkaConfig): string {
  if (sasl !== undefined) return sasl.username
  if (!tls.enabled || tls.cert_file === '') return 'virtbridge'
  try {
    return new X509Certificate(readFileSync(tls.cert_file)).subject.split('\n').reverse().join(',')
  } catch (error) {
    throw new Fault('log_kafka', `the certificate ${tls.cert_file} can not be read: ${messageOf(error)}`, {
      hint: 'log.kafka.tls.cert_file is a PEM file of our own certificate',
    })
  }
}
