import type { FastifyInstance } from 'fastify'
import type { ClusterRecord } from '../../cluster/index.ts'
import type { ConfirmCommand } from '../../day2/index.ts'
import { hostName, labelsOf, type VmRecord } from '../../vm/index.ts'
import { closed, type Description, json, listOf, query, text } from '../description.ts'
import { type AppParts, requireClusters, requireRight } from '../parts.ts'
import { doneBefore } from '../done-before.ts'
import { Problem } from '../problem.ts'
import { type Scope, sees, seesCluster } from '../scope.ts'
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
const CLUSTERS: Description = {
  id: 'listClusters',
  summary: 'Clusters and hubs, and how each stands',
  right: 'read',
  answers: { 200: json('All of them', closed({ clusters: listOf(shape('Cluster')) })) },
}
const CONFIRM: Description = {
  id: 'confirmDeletions',
  summary: 'Says that VMs that are missing are really gone',
  right: 'admin',
  answers: {
    202: json('It is told to the bridge', closed({ id: { type: 'string' }, missing: { type: 'integer', minimum: 1 } })),
  },
  problems: { 404: ['no_cluster'], 409: ['not_held', 'other_missing'] },
}
const NAME = { type: 'string', maxLength: 253 }
const PAGES = query({
  cluster: NAME,
  namespace: NAME,
  profile: { ...NAME, description: 'A profile: VMs of it, and of those below it' },
  after: { type: 'string', maxLength: 512, default: '', description: 'next of the page before' },
  limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: PAGE },
})

/** VMs and clusters as they are known, why a VM is as it is, and the one thing a person may say about a cluster. */
export function fleetRoutes(app: FastifyInstance, parts: AppParts): void {
  const [schema, pages] = [{ querystring: query() }, { querystring: PAGES }]
  app.get<{ Querystring: VmQuery }>('/api/v1/vms', { schema: pages, config: { api: VMS } }, request => {
    const { scope } = requireRight(request, 'read')
    const { after, limit } = request.query
    const keys = [...parts.fleet.vms.keys()].filter(key => key > after).sort()
    const vms: object[] = []
    let next = ''
    for (const key of keys) {
      const record = parts.fleet.vms.get(key)
      if (record === undefined || !wanted(record, request.query) || !sees(scope, record)) continue
      const { name, chain } = parts.inventory.profileOf(record)
      if (request.query.profile !== undefined && !chain.includes(request.query.profile)) continue
      if (vms.length === limit) break
      vms.push({ ...summary(record), profile: name })
      next = key
    }
    request.told = { hosts: vms.length }
    return { vms, next: vms.length === limit ? next : '' }
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
  app.get('/api/v1/clusters', { schema, config: { api: CLUSTERS } }, request => {
    const { scope } = requireClusters(request, 'read', 'a cluster is told of as a whole')
    const clusters = [...parts.fleet.clusters.values()].filter(cluster => seesCluster(scope, cluster.name))
    return { clusters: clusters.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  })
  const confirm = { schema: { ...schema, body: closed({ digest: text(64) }) }, config: { api: CONFIRM } }
  app.post<Confirmation>('/api/v1/clusters/:name/confirm-deletions', confirm, async (request, reply) => {
    const caller = requireClusters(request, 'admin', 'deletions are confirmed of a cluster as a whole')
    const { name } = request.params
    const cluster = seesCluster(caller.scope, name) ? parts.fleet.clusters.get(name) : undefined
    const { missing } = refuseUnseen(cluster, name, request.body.digest)
    const command: ConfirmCommand = {
      schema: 1,
      kind: 'confirm',
      id: parts.newId(),
      cluster: name,
      digest: request.body.digest,
      asked_by: caller.name,
      at: parts.now(),
    }
    await parts.log.append([{ stream: 'commands', key: command.id, value: command }])
    return reply.status(202).send({ id: command.id, missing })
  })
}

interface Confirmation {
  readonly Params: { readonly name: string }
  readonly Body: { readonly digest: string }
}

/** Nobody confirms what they did not see: the digest is that of the VMs that are missing now, or of a burst of deletions as it is now. */
function refuseUnseen(cluster: ClusterRecord | undefined, name: string, digest: string): { missing: number } {
  if (cluster === undefined)
    throw new Problem(404, 'no_cluster', `no cluster is called "${name}"`, {
      hint: 'GET /api/v1/clusters lists them',
    })
  const { burst = null } = cluster
  if (burst !== null && burst.digest === digest) return { missing: burst.count }
  const waiting = cluster.missing_digest === '' ? burst : { count: cluster.missing, digest: cluster.missing_digest }
  if (waiting === null)
    throw new Problem(409, 'not_held', `"${name}" waits for nothing (it is ${cluster.status})`, {
      hint: 'only a cluster that is held because many VMs are missing, or of which many were deleted at once, is confirmed',
    })
  if (waiting.digest !== digest)
    throw new Problem(409, 'other_missing', `other VMs of "${name}" are missing now than when that was looked at`, {
      hint: `look again: virtbridge confirm-deletions ${name}`,
      more: { missing: waiting.count, digest: waiting.digest },
    })
  return { missing: waiting.count }
}

interface VmQuery {
  readonly cluster?: string
  readonly namespace?: string
  readonly profile?: string
  readonly after: string
  readonly limit: number
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
