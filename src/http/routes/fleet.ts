import type { FastifyInstance } from 'fastify'
import { type Scope, sees } from '../../fleet/index.ts'
import { hostName, labelsOf, type VmRecord } from '../../vm/index.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { doneBefore } from '../done-before.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'
import { runsSeen } from './runs.ts'

const PAGE = 500
const MAX_PAGE = 5_000

const VMS: Description = {
  id: 'listVms',
  summary: 'VMs as they are known, a page at a time',
  right: 'read',
  answers: {
    200: json('A page; next is empty on the last one', closed({ vms: listOf(shape('Vm')), next: { type: 'string' } })),
  },
}
const VM: Description = {
  id: 'readVm',
  summary: 'All that is kept of one VM',
  right: 'read',
  answers: { 200: json('The record', shape('VmRecord')) },
  problems: { 404: ['no_host'] },
}
const EXPLAIN: Description = {
  id: 'explainVm',
  summary: 'Why a VM is enabled, launchable and onboarded, or not',
  right: 'read',
  answers: { 200: json('Why', shape('Explanation')) },
  problems: { 404: ['no_host'] },
}
const NAME = { type: 'string', maxLength: 253 }
const PAGES = query({
  cluster: NAME,
  namespace: NAME,
  profile: { ...NAME, description: 'A profile: VMs of it, and of those below it' },
  after: { type: 'string', maxLength: 512, default: '', description: 'next of the page before' },
  limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: PAGE },
})

/** VMs as they are known, and why each is as it is. */
export function fleetRoutes(app: FastifyInstance, parts: AppParts): void {
  const [schema, pages] = [{ querystring: query() }, { querystring: PAGES }]
  app.get<{ Querystring: VmQuery }>('/api/v1/vms', { schema: pages, config: { api: VMS } }, request => {
    const { scope } = requireRight(request, 'read')
    const page = pageOf(parts, request.query, scope)
    request.told = { hosts: page.vms.length }
    return page
  })
  app.get<{ Params: { host: string } }>('/api/v1/vms/:host', { schema, config: { api: VM } }, request => {
    const { scope } = requireRight(request, 'read')
    const { host } = request.params
    request.told = { host }
    return { host, ...toldOf(find(parts, host, scope)) }
  })
  app.get<{ Params: { host: string } }>('/api/v1/explain/:host', { schema, config: { api: EXPLAIN } }, request => {
    const { scope } = requireRight(request, 'read')
    const { host } = request.params
    request.told = { host }
    const record = find(parts, host, scope)
    const told = (other: string): boolean => {
      const rival = parts.fleet.byHost(other)
      return rival !== undefined && sees(scope, rival)
    }
    return parts.explain(host, record, told, runsSeen(scope))
  })
}

interface VmQuery {
  readonly cluster?: string
  readonly namespace?: string
  readonly profile?: string
  readonly after: string
  readonly limit: number
}

/** VMs that are asked for and may be told of, in the order of their keys; `next` is empty on the last page. */
function pageOf(
  { fleet, inventory }: AppParts,
  query: VmQuery,
  scope: Scope,
): { vms: readonly object[]; next: string } {
  const keys = [...fleet.vms.keys()].filter(key => key > query.after).sort()
  const vms: object[] = []
  let next = ''
  for (const key of keys) {
    const record = fleet.vms.get(key)
    if (record === undefined || !wanted(record, query) || !sees(scope, record)) continue
    const { name, chain } = inventory.profileOf(record)
    if (query.profile !== undefined && !chain.includes(query.profile)) continue
    if (vms.length === query.limit) break
    vms.push({ ...summary(record), profile: name })
    next = key
  }
  return { vms, next: vms.length === query.limit ? next : '' }
}

function wanted(record: VmRecord, query: VmQuery): boolean {
  return (
    (query.cluster === undefined || query.cluster === record.cluster) &&
    (query.namespace === undefined || query.namespace === record.namespace)
  )
}

function summary(record: VmRecord): object {
  const { seen, told } = record
  return {
    host: hostName(record),
    cluster: record.cluster,
    namespace: record.namespace,
    name: record.name,
    uid: record.uid,
    status: seen.status,
    os: seen.os,
    node: seen.node,
    address: seen.address,
    agent_connected: seen.agent_connected,
    reachable: told.reachable,
    adopted: record.adopted,
    labels: labelsOf(seen),
  }
}

/** What is kept for a format of the inventory stands there, as its view may show it. */
function toldOf(record: VmRecord): VmRecord {
  const { portraits: _, ...seen } = record.seen
  return { ...record, seen }
}

/** The VM of this name; one that may not be known of is as one that is not there. */
function find(parts: AppParts, host: string, scope: Scope): VmRecord {
  const record = parts.fleet.byHost(host)
  if (record !== undefined && sees(scope, record)) return record
  const done = parts.history === undefined ? '' : doneBefore(parts.history, host, scope)
  if (done !== '')
    throw new Problem(404, 'no_host', `no VM is called "${host}" any more; ${done}`, {
      hint: 'GET /api/v1/events tells whether it was deleted or moved; what is left of a VM that was deleted goes by the play offboard: docs/day2.md#a-vm-that-is-gone',
    })
  throw new Problem(404, 'no_host', `no VM is called "${host}"`, {
    hint: 'host names are {name}.{namespace}.{cluster}; GET /api/v1/vms lists them',
  })
}
