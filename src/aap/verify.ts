import type { Answer } from './answer.ts'
import { cancelAtOnce } from './cancel.ts'
import { echoDifferences } from './echo.ts'
import type { Job, JobRef } from './job.ts'
import { limitOf } from './limit.ts'
import type { LaunchRequest } from './launch-request.ts'
import type { Session } from './session.ts'

/** A job that exists, and whether it is what was asked for. `cancelled` false: it could not be ended, or it had ended already. */
export type Started =
  | { readonly kind: 'launched'; readonly job: Job }
  | {
      readonly kind: 'widened'
      readonly job: JobRef
      readonly differences: readonly string[]
      readonly cancelled: boolean
    }

/** Compares a job with the request it was started for, and cancels it at once when it differs. `echo` is what the controller says of it. */
export async function verified(
  session: Session,
  template: { readonly id: number | null },
  request: LaunchRequest,
  started: { job: Job; echo: Answer; skipTags: string },
): Promise<Started> {
  const { job, echo, skipTags } = started
  const { hosts, inventory, extraVars, check = false } = request
  const secrets = request.secrets?.names ?? []
  const differences = echoDifferences(
    { template: template.id, inventory, limit: limitOf(hosts), skipTags, extraVars, secrets, check },
    echo,
  )
  if (differences.length === 0) return { kind: 'launched', job }
  const ref: JobRef = { id: job.id, type: job.type, url: job.url }
  const cancelled = await cancelAtOnce(session, ref)
  return { kind: 'widened', job: ref, differences: differences.map(difference => session.clean(difference)), cancelled }
}
