import { Answer } from './answer.ts'
import { ControllerError } from './error.ts'
import type { InventorySource } from './inventory.ts'
import { parse, type Session } from './session.ts'

/** One run of an inventory source. */
export interface UpdateRef {
  readonly id: number
  readonly url: string
}

export interface Update extends UpdateRef {
  readonly status: string
  /** Nothing more will change; only then are all hosts as the source gave them. */
  readonly finished: boolean
  readonly failed: boolean
  /** The controller's own words, mostly empty: the cause of a failed update stands in its output. */
  readonly explanation: string
}

/**
 * Starts one update of the source. The controller never merges them: who calls twice waits for two. A lost answer is thrown as
 * `unreachable`; asking again then costs at worst a second update, and harms nothing.
 */
export async function updateSource(session: Session, source: InventorySource): Promise<UpdateRef> {
  const where = `POST ${source.updateUrl}`
  const exchange = await session.post(source.updateUrl, {})
  if (exchange.kind === 'answered' && exchange.status === 405) {
    throw new ControllerError('forbidden', `inventory source "${source.name}" can not be updated`, {
      status: 405,
      hint: 'Look at the source in the controller: its project may be missing, or an update of it just now not possible.',
    })
  }
  if (exchange.kind !== 'answered' || exchange.status < 200 || exchange.status > 299)
    throw session.failure(where, exchange)
  const answer = new Answer(parse(exchange.body, where), where)
  return { id: answer.integer('id'), url: answer.string('url') }
}

/** How far an update is. Throws `not_found` when the controller has deleted it. */
export async function update(session: Session, ref: UpdateRef): Promise<Update> {
  const answer = await session.get(ref.url)
  const status = answer.string('status')
  return {
    id: answer.integer('id'),
    url: ref.url,
    status,
    // Unlike a job's, an update's hosts are all in place before its status ends; its event_processing_finished may never come true.
    finished: ENDED.has(status),
    failed: ENDED.has(status) && status !== 'successful',
    explanation: session.clean(answer.string('job_explanation')),
  }
}

/** A status after which nothing more happens, of jobs and updates alike. A job may go back from running to pending, but not from these. */
export const ENDED: ReadonlySet<string> = new Set(['successful', 'failed', 'error', 'canceled'])
