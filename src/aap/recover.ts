import { findByMarker, jobFrom } from './job.ts'
import type { LaunchRequest } from './launch-request.ts'
import type { Session } from './session.ts'
import type { Template } from './template.ts'
import { verified, type Started } from './verify.ts'

/**
 * What a search for a launch's job found. `absent`: nothing yet; ask again until the quiet period is over, then the intent may be
 * posted again. `vanished`: it was launched, only copies of the job are left, its outcome is not known; never post again.
 */
export type Recovered = Started | { readonly kind: 'absent' } | { readonly kind: 'vanished' }

/**
 * Settles an ambiguous launch by its marker. A job that is found is held against the request like the answer of a launch: the field
 * that was dropped is dropped whether or not the answer came through.
 */
export async function recover(
  session: Session,
  base: string,
  template: Pick<Template, 'id'>,
  request: LaunchRequest,
): Promise<Recovered> {
  const { original, copies } = await findByMarker(session, base, request.marker)
  if (original === null) return { kind: copies.length > 0 ? 'vanished' : 'absent' }
  const echo = await session.get(original.url)
  const job = jobFrom(echo, session)
  // Whoever deletes a template takes it from its jobs. Which one this was launched from is said by its marker, which was posted to no other.
  const its = echo.raw('job_template') === null ? { id: null } : template
  // It was found by its marker; the tags before it are the template's, which may have been changed since.
  return verified(session, its, request, { job, echo, skipTags: job.skipTags })
}
