import { counted } from '../whole-number.ts'
import type { Run } from './run.ts'

/** How the message of a run begins whose job can not be read. */
const UNREAD = 'its job can not be read'

/** What is done about it, by whoever may: the account gets its right back, or a person lets go of the lock. */
const MEND = 'give the account of virtbridge Read on its template, or'

/** The run whose job the controller does not let this account read, since `now`; the very same when that is known. Pure. */
export function unread(run: Run, now: number): Run {
  if (run.unread_at !== undefined) return run
  return { ...run, unread_at: now, message: run.message === '' ? whyUnread(run) : run.message }
}

/** The run whose job can be read: nothing is let go of. The very same when it never was otherwise. Pure. */
export function readable(run: Run): Run {
  if (run.unread_at === undefined) return run
  const { unread_at: _at, let_go: _by, message, ...rest } = run
  return { ...rest, message: message.startsWith(UNREAD) ? '' : message }
}

/** What a person is told of it: what it holds, and what to do. Pure. */
export function whyUnread({ id, external, hosts, job }: Run): string {
  const held = external?.whole === true ? 'every VM' : counted(hosts.length, 'VM')
  const ended = `when job ${job?.id ?? 0} has ended at the controller, let go of it: virtbridge runs cancel ${id}`
  return `${UNREAD}, and it holds ${held}: ${MEND}, ${ended}`
}
