import type { FastifyRequest } from 'fastify'
import type { Explanation, LedgerView } from '../day2/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { InventoryCache } from '../inventory/index.ts'
import type { EventLog } from '../log/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { VmRecord } from '../vm/index.ts'
import type { Caller, Right } from './auth.ts'
import type { Check } from './health.ts'
import { Problem } from './problem.ts'

/** What the routes answer from. They read views and append commands; they call nobody. */
export interface AppParts {
  readonly log: EventLog
  readonly fleet: FleetView
  readonly ledger: LedgerView
  readonly inventory: InventoryCache
  readonly explain: (host: string, record: VmRecord) => Explanation
  readonly drivers: Readonly<Record<'onboard' | 'patch', 'bridge' | 'eda' | 'off'>>
  readonly controllerConfigured: boolean
  readonly expected: readonly string[]
  readonly checks: () => readonly Check[]
  readonly authenticate: (header: string | undefined) => Caller | null
  readonly metrics: Metrics
  readonly logger: Logger
  readonly version: string
  readonly now: () => number
  readonly newId: () => string
  /** Aborts when the service closes: streams end. */
  readonly signal: AbortSignal
}

/** The caller of a request. Throws a Problem 401. */
export function requireCaller(parts: Pick<AppParts, 'authenticate'>, request: FastifyRequest): Caller {
  const caller = parts.authenticate(request.headers.authorization)
  if (caller !== null) return caller
  throw new Problem(401, 'unauthorized', 'a valid bearer token is needed', {
    hint: 'send Authorization: Bearer <token>; tokens are configured under http.tokens',
    headers: { 'www-authenticate': 'Bearer' },
  })
}

/** The caller of a request, who must have `right` on everything. Throws a Problem 401 or 403. */
export function requireRight(parts: Pick<AppParts, 'authenticate'>, request: FastifyRequest, right: Right): Caller {
  const caller = requireCaller(parts, request)
  if (caller.views !== undefined) throw scoped(caller)
  return entitled(caller, right)
}

/** The caller of a request, who must have the right to read this view; empty: the whole inventory. Throws a Problem 401 or 403. */
export function requireView(parts: Pick<AppParts, 'authenticate'>, request: FastifyRequest, view: string): Caller {
  const caller = requireCaller(parts, request)
  // Whether there is such a view is not told to who may not see it.
  if (caller.views !== undefined && !caller.views.includes(view)) throw scoped(caller)
  return entitled(caller, 'read')
}

function entitled(caller: Caller, right: Right): Caller {
  if (caller.can.includes(right)) return caller
  throw new Problem(403, 'forbidden', `the token "${caller.name}" may not ${right}`, {
    hint: `give it ${right} under http.tokens`,
  })
}

function scoped({ name, views = [] }: Caller): Problem {
  return new Problem(403, 'out_of_view', `the token "${name}" may read inventory views alone: ${views.join(', ')}`, {
    hint: `GET /api/v1/inventory/${views[0] ?? 'NAME'}; http.tokens says what a token may read`,
    more: { views },
  })
}
