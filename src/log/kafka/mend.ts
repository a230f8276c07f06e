import { quoted, tool } from './rights.ts'
import { misfits, type FoundTopic, type TopicSpec } from './topics.ts'

/** What is said of one topic: the one wanted, and the one found, if any. */
export interface Compared {
  readonly spec: TopicSpec
  readonly found: FoundTopic | undefined
}

/**
 * Commands that make the topics as they have to be, for Kafka's own tools (`$BROKERS` and `admin.properties` are of whoever runs
 * them), and lines that begin with `#` where only the configuration can be made to agree. None is ever run by this program.
 *
 * `brokers` are the ids of all brokers that are there.
 */
export function mendsOf(topics: readonly Compared[], brokers: readonly number[]): readonly string[] {
  const lines = new Set<string>()
  let missing = false
  const counts = new Set(topics.map(({ found }) => found?.partitions))
  // All alike: the configuration is what differs from the rest, and other partitions would put the old keys elsewhere.
  const [common] = counts.size === 1 ? counts : []
  for (const { spec, found } of topics) {
    if (found !== undefined) for (const line of mendsOfOne(spec, found, { common, brokers })) lines.add(line)
    if (found === undefined || mustBeMadeAnew(spec, found, common)) missing = true
  }
  // The last, as it looks at all of them and fails while any is wrong.
  return [...lines, ...(missing ? ['virtbridge topics --create'] : [])]
}

interface Around {
  /** The number of partitions that all topics have; undefined when they differ. */
  readonly common: number | undefined
  readonly brokers: readonly number[]
}

function mendsOfOne(spec: TopicSpec, found: FoundTopic, { common, brokers }: Around): readonly string[] {
  const lines: string[] = []
  const topic = quoted(spec.topic)
  if (found.partitions !== spec.partitions) lines.push(...mendPartitions(spec, found.partitions, common))
  if (found.replicas < spec.replicas && brokers.length < spec.replicas) {
    lines.push(`# log.kafka.replicas: ${brokers.length}, as there are no more brokers`)
  } else if (found.replicas < spec.replicas) {
    const json = quoted(JSON.stringify(reassignment(spec, found, brokers)))
    const run = `${tool('kafka-reassign-partitions.sh')} --reassignment-json-file /dev/stdin --execute`
    lines.push(`echo ${json} | ${run}`)
  }
  const wrong = misfits(spec, found).map(({ name, value }) => `${name}=${value}`)
  if (wrong.length > 0) {
    lines.push(
      `${tool('kafka-configs.sh')} --alter --entity-type topics --entity-name ${topic} --add-config ${wrong.join(',')}`,
    )
  }
  return lines
}

/** More can be added while others have the number already: then this topic was made wrong. Fewer is not possible. */
function mendPartitions(
  { topic, partitions }: TopicSpec,
  found: number,
  common: number | undefined,
): readonly string[] {
  if (common !== undefined)
    return [`# log.kafka.partitions: ${common}, as all its topics have; or another log.kafka.topic_prefix`]
  if (found < partitions)
    return [`${tool('kafka-topics.sh')} --alter --topic ${quoted(topic)} --partitions ${partitions}`]
  return [
    `# partitions can not be taken away; this loses what ${topic} holds:`,
    `${tool('kafka-topics.sh')} --delete --topic ${quoted(topic)}`,
  ]
}

function mustBeMadeAnew(spec: TopicSpec, found: FoundTopic, common: number | undefined): boolean {
  return common === undefined && found.partitions > spec.partitions
}

/** Each partition keeps its replicas, in their order, and gets brokers that have none of it. */
function reassignment({ topic, replicas }: TopicSpec, found: FoundTopic, brokers: readonly number[]): object {
  const partitions = found.assignment.map((held, partition) => {
    const others = brokers.filter(id => !held.includes(id))
    const from = others.length === 0 ? 0 : partition % others.length
    const more = [...others.slice(from), ...others.slice(0, from)].slice(0, Math.max(replicas - held.length, 0))
    return { topic, partition, replicas: [...held, ...more] }
  })
  return { version: 1, partitions }
}
