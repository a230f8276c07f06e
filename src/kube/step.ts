import { KubeError } from './error.ts'
import type { Observed, Resource } from './observed.ts'

/** What one line of a watch says. */
export interface Step<T> {
  /** Where the watch is now. */
  readonly resourceVersion: string
  /** `bookmark`: nothing but where it is. `end`: all that was there at the start of a streaming list has been sent. */
  readonly mark: '' | 'bookmark' | 'end'
  /** Null for a mark. */
  readonly told: Extract<Observed<T>, { kind: 'changed' | 'gone' }> | null
}

/** One line of a watch. Throws what its ERROR says, or `invalid`: a line that can not be read is not skipped. */
export function stepOf<T>(line: unknown, resource: Resource<T>): Step<T> {
  const { type, object } = (line ?? {}) as { type?: unknown; object?: unknown }
  if (type === 'ERROR') throw watchError(object)
  const { resourceVersion, annotations } = (object as Versioned | null | undefined)?.metadata ?? {}
  if (typeof resourceVersion !== 'string' || resourceVersion === '')
    throw new KubeError('invalid', `${resource.path}: a watch event without a resourceVersion`)
  switch (type) {
    case 'BOOKMARK':
      return { resourceVersion, mark: annotations?.[END] === 'true' ? 'end' : 'bookmark', told: null }
    case 'ADDED':
    case 'MODIFIED':
      return { resourceVersion, mark: '', told: { kind: 'changed', object: resource.project(object) } }
    case 'DELETED':
      return { resourceVersion, mark: '', told: { kind: 'gone', object: resource.project(object) } }
    default:
      throw new KubeError('invalid', `${resource.path}: a watch event of the unknown type ${String(type)}`)
  }
}

/** On the bookmark after the last object of a streaming list (KEP-3157). */
const END = 'k8s.io/initial-events-end'

interface Versioned {
  readonly metadata?: {
    readonly resourceVersion?: unknown
    readonly annotations?: Readonly<Record<string, string | undefined>>
  }
}

/** An ERROR event carries a Status: 410 means that the place to resume from is forgotten. */
function watchError(object: unknown): KubeError {
  const { code, message, details } = (object ?? {}) as {
    code?: unknown
    message?: unknown
    details?: { retryAfterSeconds?: unknown }
  }
  const text = typeof message === 'string' ? message.slice(0, 300) : 'the watch ended with an error'
  const retryAfterMs = Math.min(Number(details?.retryAfterSeconds ?? 0) * 1000 || 0, 60_000)
  if (code === 410) return new KubeError('expired', text)
  return new KubeError(code === 429 ? 'throttled' : 'server', text, { retryAfterMs })
}
