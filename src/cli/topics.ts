import type { LogConfig } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { createTopics, inspectTopics, topicSpecs } from '../log/kafka/index.ts'
import { connectionOf, topicsOf } from '../open-log.ts'
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
    for (const line of aclsOf(kafka.topic_prefix, kafka.sasl?.username ?? 'virtbridge')) terminal.out(line)
    return true
  }
  const plan = topicsOf(config, kafka)
  const connection = connectionOf(kafka, env)
  const created = options.create ? await createTopics(connection, plan) : []
  const reports = await inspectTopics(connection, plan)
  const specs = topicSpecs(plan)
  if (options.json) {
    const rows = specs.map(spec => ({ ...spec, ...reports.find(({ topic }) => topic === spec.topic) }))
    terminal.out(JSON.stringify(rows.map(row => ({ ...row, created: created.includes(row.topic) }))))
    return reports.every(({ faults }) => faults.length === 0)
  }
  for (const { topic, partitions, replicas, settings } of specs) {
    const faults = reports.find(report => report.topic === topic)?.faults ?? []
    const mark = faults.length === 0 ? paint(terminal, 'green', 'ok  ') : paint(terminal, 'red', 'FAIL')
    const wanted = settings.map(({ name, value }) => `${name}=${value}`).join(' ')
    terminal.out(`${mark}  ${topic}${created.includes(topic) ? ' (created)' : ''}`)
    terminal.out(`      ${paint(terminal, 'dim', `${partitions} partitions, ${replicas} replicas, ${wanted}`)}`)
    for (const fault of faults) terminal.out(`      ${fault}`)
  }
  return reports.every(({ faults }) => faults.length === 0)
}

/** The commands that give a user all it needs, and no more: `kafka-acls.sh` of Kafka itself. */
export function aclsOf(prefix: string, user: string): readonly string[] {
  const add = `kafka-acls.sh --bootstrap-server "$BROKERS" --command-config admin.properties --add --allow-principal 'User:${user}'`
  const topics = `--resource-pattern-type prefixed --topic '${prefix}.'`
  return [
    `${add} --operation Read --operation Write --operation Describe --operation DescribeConfigs ${topics}`,
    `${add} --operation Write --operation Describe --transactional-id '${prefix}.writer'`,
    `# only for virtbridge topics --create:`,
    `${add} --operation Create ${topics}`,
  ]
}
