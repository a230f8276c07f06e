import type { Event } from '../../src/event/index.ts'
import { encode } from '../../src/log/encode.ts'
import { type OutgoingRecord, toRecord } from '../../src/log/kafka/record.ts'
import { topicOf } from '../../src/log/kafka/topics.ts'
import type { Entry } from '../../src/log/index.ts'

/** An entry as the record that goes to Kafka. */
export function recordOf(entry: Entry): OutgoingRecord {
  const [encoded] = encode([entry], {}, 0).records
  if (encoded === undefined) throw new Error('nothing is left of it')
  return toRecord(encoded, { partitions: 12, perCluster: 1 })
}

/** A VM's event as a consumer of the topic sees it, for docs/events.md. */
export function shownRecord(event: Event): string {
  const { stream, key, headers } = recordOf({ stream: 'events.vm', key: event.subject, value: event })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [
    `topic    ${topicOf('virtbridge', stream)}`,
    `key      ${key.toString()}`,
    `headers  ${lines.join('\n         ')}`,
    `value    {"specversion":"1.0","id":"${event.id}",…}`,
  ].join('\n')
}
