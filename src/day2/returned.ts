import type { FailureReason } from '../aap/index.ts'
import { plainText } from '../event/index.ts'
import type { Outcomes } from './record.ts'

/** The key of `set_stats` under which our plays tell of each host; roles/result writes it. */
const KEY = 'virtbridge'
/** Of what a play tells of one host: more is left out as a whole. */
export const MAX_RETURNED_BYTES = 4_096

/**
 * Outcomes with why a host failed and what its play told. Pure. All of it comes from guests: it is shown, and nothing is decided by it; an
 * outcome never changes.
 */
export function explainedBy(
  outcomes: Outcomes,
  reasons: ReadonlyMap<string, FailureReason>,
  artifacts: Readonly<Record<string, unknown>>,
): Outcomes {
  const told = record(artifacts[KEY])
  return new Map(
    [...outcomes].map(([host, known]) => {
      const returned = returnedOf(told, host)
      const reason = known.outcome === 'ok' ? '' : reasonOf(reasons.get(host))
      const detail = reason === '' ? known.detail : plainText(`${known.detail}: ${reason}`)
      return [host, { ...known, detail, ...(returned === null ? {} : { returned }) }]
    }),
  )
}

function reasonOf(reason: FailureReason | undefined): string {
  return reason === undefined ? '' : [reason.task, reason.message].filter(part => part !== '').join(': ')
}

function returnedOf(
  told: Readonly<Record<string, unknown>> | null,
  host: string,
): Readonly<Record<string, unknown>> | null {
  const returned = told !== null && Object.hasOwn(told, host) ? record(told[host]) : null
  if (returned === null || Buffer.byteLength(JSON.stringify(returned)) > MAX_RETURNED_BYTES) return null
  return returned
}

function record(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}
