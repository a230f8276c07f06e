import type { ClusterRef, Event } from './event.ts'
import { fitted } from './fit.ts'

/** What differs from event to event; `envelope()` adds the rest. */
export interface Envelope<Data> {
  readonly kind: 'vm' | 'cluster' | 'day2'
  /** From `factId()`. */
  readonly id: string
  readonly fact: string
  readonly cluster: ClusterRef
  readonly subject: string
  /** When the fact was seen, in ms since the epoch. */
  readonly at: number
  readonly data: Data
}

/**
 * Makes the CloudEvent of a fact, trimmed to at most `MAX_EVENT_BYTES` (`fitted()`). `at` becomes `time`: UTC, with milliseconds. Pure.
 */
export function envelope<Data extends object>(content: Envelope<Data>): Event<Data> {
  return fitted<Data>({
    specversion: '1.0',
    id: content.id,
    source: sourceOf(content.cluster),
    type: `io.virtbridge.${content.kind}.${content.fact}.v1`,
    subject: content.subject,
    time: new Date(content.at).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `https://virtbridge.io/schemas/${content.kind}-event-v1.json`,
    data: { ...content.data, trimmed: [] },
  })
}

function sourceOf(cluster: ClusterRef): string {
  if (cluster.name === '') return '/virtbridge'
  // Names are unique over clusters and hubs: this one is about the hub itself.
  if (cluster.name === cluster.hub) return `/hubs/${cluster.hub}`
  return cluster.hub === '' ? `/clusters/${cluster.name}` : `/hubs/${cluster.hub}/clusters/${cluster.name}`
}
