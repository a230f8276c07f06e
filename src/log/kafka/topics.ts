import { counted } from '../../whole-number.ts'
import type { Stream } from '../log.ts'
import { EVENT_STREAMS, isState, STATE_STREAMS } from '../log.ts'

/** Every stream, in the order they are created in. */
export const STREAMS: readonly Stream[] = [...EVENT_STREAMS, ...STATE_STREAMS]

/** The topic of a stream: `virtbridge.events.vm` with the prefix `virtbridge`. */
export function topicOf(prefix: string, stream: Stream): string {
  return `${prefix}.${stream}`
}

/** What the topics are to be. Times in ms; sizes in bytes. */
export interface TopicPlan {
  readonly prefix: string
  readonly partitions: number
  readonly replicas: number
  readonly retentionMs: number
  readonly auditRetentionMs: number
}

/** One topic as it has to be. Each setting says how a found value may differ from the wanted one and still do. */
export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  readonly settings: readonly Setting[]
}

export interface Setting {
  readonly name: string
  readonly value: string
  readonly must: 'be' | 'be at least' | 'be at most'
}

/** The least that a topic takes in one batch: a group commit of 1 MB for one partition, with room for what surrounds it. */
export const MAX_MESSAGE_BYTES = 2_097_152
const WEEK_MS = 604_800_000
const HOUR_MS = 3_600_000

/** All topics of a plan. `-1` of a time is for ever, and so at least anything. */
export function topicSpecs(plan: TopicPlan): readonly TopicSpec[] {
  return STREAMS.map(stream => ({
    topic: topicOf(plan.prefix, stream),
    partitions: plan.partitions,
    replicas: plan.replicas,
    settings: [
      { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES), must: 'be at least' },
      { name: 'min.insync.replicas', value: plan.replicas > 1 ? '2' : '1', must: 'be at least' },
      { name: 'unclean.leader.election.enable', value: 'false', must: 'be' },
      ...(isState(stream) ? stateSettings() : eventSettings(stream, plan)),
    ],
  }))
}

function eventSettings(stream: Stream, plan: TopicPlan): readonly Setting[] {
  const keep = stream === 'events.day2' ? plan.auditRetentionMs : plan.retentionMs
  return [
    { name: 'cleanup.policy', value: 'delete', must: 'be' },
    { name: 'retention.ms', value: String(keep), must: 'be at least' },
  ]
}

/** A deleted key must be told for longer than any reader is away; segments must roll, or nothing is ever compacted. */
function stateSettings(): readonly Setting[] {
  return [
    { name: 'cleanup.policy', value: 'compact', must: 'be' },
    { name: 'delete.retention.ms', value: String(WEEK_MS), must: 'be at least' },
    { name: 'min.cleanable.dirty.ratio', value: '0.2', must: 'be at most' },
    { name: 'segment.ms', value: String(HOUR_MS), must: 'be at most' },
  ]
}

/** A topic as Kafka says it is. */
export interface FoundTopic {
  readonly partitions: number
  /** Of the partition that has fewest. */
  readonly replicas: number
  /** Of each partition the brokers that hold it, the preferred leader first. */
  readonly assignment: readonly (readonly number[])[]
  readonly settings: ReadonlyMap<string, string>
}

/** What is wrong with one topic, each as a sentence; empty when nothing is. */
export function faultsOf(spec: TopicSpec, found: FoundTopic | undefined): readonly string[] {
  if (found === undefined) return [`${spec.topic} does not exist`]
  const faults: string[] = []
  if (found.partitions !== spec.partitions) {
    faults.push(`${spec.topic} has ${counted(found.partitions, 'partition')}, not ${spec.partitions}`)
  }
  if (found.replicas < spec.replicas) {
    faults.push(`${spec.topic} has ${counted(found.replicas, 'replica')}, not ${spec.replicas}`)
  }
  for (const { name, value, must } of misfits(spec, found)) {
    faults.push(`${spec.topic}: ${name} is ${found.settings.get(name)} and must ${must} ${value}`)
  }
  return faults
}

/** The settings that are not as they have to be. One that Kafka did not tell of is left out. */
export function misfits(spec: TopicSpec, { settings }: FoundTopic): readonly Setting[] {
  return spec.settings.filter(setting => {
    const value = settings.get(setting.name)
    return value !== undefined && !holds(setting, value)
  })
}

function holds({ name, value, must }: Setting, found: string): boolean {
  if (must === 'be') return found === value
  if (name.endsWith('.ms') && found === '-1') return must === 'be at least'
  return must === 'be at least' ? Number(found) >= Number(value) : Number(found) <= Number(value)
}
