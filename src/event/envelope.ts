import type { ClusterRef, Event } from './event.ts'

/** A record on a topic may not be larger (docs/events.md); labels are what can grow, and they are cut first. */
export const MAX_EVENT_BYTES = 16_384

export interface Envelope<Data> {
  readonly kind: 'vm' | 'cluster' | 'day2'
  readonly id: string
  readonly fact: string
  readonly cluster: ClusterRef
  readonly subject: string
  readonly at: number
  readonly data: Data
}

/** Lays data into its CloudEvent. `at` is ms since the epoch, and becomes `time` to the second's fraction in UTC. */
export function envelope<Data extends object>(content: Envelope<Data>): Event<Data> {
  return {
    specversion: '1.0',
    id: content.id,
    source: sourceOf(content.cluster),
    type: `io.virtbridge.${content.kind}.${content.fact}.v1`,
    subject: content.subject,
    time: new Date(content.at).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `https://virtbridge.io/schemas/${content.kind}-event-v1.json`,
    data: content.data,
  }
}

function sourceOf(cluster: ClusterRef): string {
  if (cluster.name === '') return '/virtbridge'
  return cluster.hub === '' ? `/clusters/${cluster.name}` : `/hubs/${cluster.hub}/clusters/${cluster.name}`
}
