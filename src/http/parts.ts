import type { FastifyRequest } from 'fastify'
import type { Explanation, HistoryView, LedgerView, Run, Vault, Verb, VerbPolicy } from '../day2/index.ts'
import type { Requirement } from '../cluster/label.ts'
import { type FleetView, isNarrow } from '../fleet/index.ts'
import type { InventoryCache } from '../inventory/index.ts'
import type { EventLog } from '../log/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { VmRecord } from '../vm/index.ts'
import type { Caller, Right } from './auth.ts'
import type { ConsumerRegister } from './consumer-register.ts'
import type { Check } from './health.ts'
import type { HttpLimits } from './limits.ts'
import { Problem } from './problem.ts'

/** What the routes answer from. They read views and append commands; they call nobody. */
export interface AppParts {
  readonly log: EventLog
  readonly fleet: FleetView
  readonly ledger: LedgerView
  readonly inventory: InventoryCache
  /** `told`: whether a host may be named in it; `tells`: whether a run may, undefined when all may. */
  readonly explain: (
    host: string,
    record: VmRecord,
    told: (host: string) => boolean,
    tells?: (run: Run) => boolean,
  ) => Explanation
  /** The names of hosts on which something is due to start by itself, held by the brake or not; left out: nothing starts by itself. */
  readonly dueBySelf?: () => readonly string[]
  /** What may be done to VMs, by verb. */
  readonly verbs: ReadonlyMap<Verb, VerbPolicy>
  /** How long a run waits for other wishes to share it, given the hosts that it has by then; left out: not at all. */
  readonly sharing?: (hosts: ReadonlySet<string>) => Promise<void>
  /** Seals what nobody may read; left out: nothing is. */
  readonly vault?: Vault
  /** A label selector, as people write it. Throws an Error that says what of it can not be read. Without it none can. */
  readonly parseSelector?: (selector: string) => readonly Requirement[]
  /** What was done, for questions; without it there are none. */
  readonly history?: HistoryView
  /** Readers of events by name. */
  readonly consumers: ConsumerRegister
  readonly controllerConfigured: boolean
  readonly expected: readonly string[]
  readonly checks: () => readonly Check[]
  readonly authenticate: (header: string | undefined) => Caller | null
  readonly metrics: Metrics
  /** How much is taken from clients, where it is not as usual. */
  readonly limits?: Partial<HttpLimits>
  /** Addresses and ranges of proxies whose word counts for who asks; left out: nobody's. */
  readonly trustedProxies?: readonly string[]
  readonly logger: Logger
  readonly version: string
  readonly now: () => number
  readonly newId: () => string
  /** Aborts when the service closes: streams end. */
  readonly signal: AbortSignal
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the gate let it in; null where anybody may ask. */
    caller: Caller | null
  }
}

/** The caller of a request that the gate let in. Throws a Problem 401 when there is none. */
export function requireCaller({ caller }: FastifyRequest): Caller {
  if (caller !== null) return caller
  throw new Problem(401, 'unauthorized', 'a valid bearer token is needed', {
    hint: 'send Authorization: Bearer <token>; tokens are configured under http.tokens',
    headers: { 'www-authenticate': 'Bearer' },
  })
}

/** The caller of a request, who must have `right`, and not on some views alone. Throws a Problem 401 or 403. */
export function requireRight(request: FastifyRequest, right: Right): Caller {
  const caller = requireCaller(request)
  if (caller.views !== undefined) throw outOfView(caller)
  return entitled(caller, right)
}

/** The caller of a request, who must have `right` on the whole fleet, or on whole clusters: `what` is none of a namespace. */
export function requireClusters(request: FastifyRequest, right: Right, what: string): Caller {
  const caller = requireRight(request, right)
  if (caller.scope.namespaces.length === 0) return caller
  throw outOfScope(caller, what)
}

/** The caller of a request, who must have `right` on the whole fleet. Throws a Problem 401 or 403. */
export function requireAll(request: FastifyRequest, right: Right, what: string): Caller {
  const caller = requireRight(request, right)
  if (!isNarrow(caller.scope)) return caller
  throw outOfScope(caller, what)
}

/** The caller of a request, who must have the right to read this view; empty: the whole inventory. Throws a Problem 401 or 403. */
export function requireView(request: FastifyRequest, view: string): Caller {
  const caller = requireCaller(request)
  // Whether there is such a view is not told to who may not see it.
  if (caller.views !== undefined && !caller.views.includes(view)) throw outOfView(caller)
  return entitled(caller, 'read')
}

function entitled(caller: Caller, right: Right): Caller {
  if (caller.can.includes(right)) return caller
  throw new Problem(403, 'forbidden', `the token "${caller.name}" may not ${right}`, {
    hint: `give it ${right} under http.tokens`,
  })
}

function outOfView({ name, views = [] }: Caller): Problem {
  return new Problem(403, 'out_of_view', `the token "${name}" may read inventory views alone: ${views.join(', ')}`, {
    hint: `GET /api/v1/inventory/${views[0] ?? 'NAME'}; http.tokens says what a token may read`,
    more: { views },
  })
}

function outOfScope({ name, scope }: Caller, what: string): Problem {
  const { clusters, namespaces } = scope
  return new Problem(403, 'out_of_scope', `the token "${name}" may know of a part of the fleet alone; ${what}`, {
    hint: 'http.tokens says which part a token may know of',
    more: { clusters, namespaces },
  })
}
