import type { Answer } from './answer.ts'
import { ControllerError } from './error.ts'
import type { Session } from './session.ts'

/** The largest page a controller gives; more is silently cut to it. */
export const PAGE_SIZE = 200
/** Pages that are followed before it is a fault: 20,000 rows, far beyond what any question here should match. */
export const MAX_PAGES = 100

/** Every row of a list, pages followed by the `next` that the controller returns, each row once however the pages shift. */
export async function rows(session: Session, path: string): Promise<Answer[]> {
  const byId = new Map<number, Answer>()
  let next: string | null = path
  for (let page = 0; next !== null; page++) {
    if (page === MAX_PAGES)
      throw new ControllerError('protocol', `${session.origin}: the list ${path} does not end after ${MAX_PAGES} pages`)
    const answer: Answer = await session.get(next)
    for (const row of answer.answers('results')) byId.set(row.integer('id'), row)
    next = answer.has('next') ? answer.string('next') : null
  }
  return [...byId.values()]
}

/** A path with a query; values are encoded, so a name may hold anything. */
export function query(path: string, parameters: Record<string, string | number>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(parameters)) search.set(key, String(value))
  return `${path}?${search.toString()}`
}

/** The single row of a lookup by name; throws `not_found` or `ambiguous`. */
export function only(found: readonly Answer[], what: string): Answer {
  const [row] = found
  if (row === undefined)
    throw new ControllerError('not_found', `the controller knows no ${what}, or this account may not read it`)
  if (found.length > 1) {
    const ids = found.map(each => each.integer('id')).join(', ')
    throw new ControllerError('ambiguous', `the controller has ${found.length} of ${what} (ids ${ids})`)
  }
  return row
}
