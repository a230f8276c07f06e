import type { FastifyInstance } from 'fastify'
import type { ClusterRecord } from '../../cluster/index.ts'
import type { ConfirmCommand } from '../../day2/index.ts'
import { hostName, type VmRecord } from '../../vm/index.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'

const PAGE = 500
const MAX_PAGE = 5_000

/** VMs and clusters as they are known, why a VM is as it is, and the one thing a person may say about a cluster. */
export function fleetRoutes(app: FastifyInstance, parts: AppParts): void {
  const query = {
    type: 'object',
    additionalProperties: false,
    properties: {
      cluster: { type: 'string' },
      namespace: { type: 'string' },
      after: { type: 'string', default: '' },
      limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: PAGE },
    },
  }
  app.get<{ Querystring: VmQuery }>('/api/v1/vms', { schema: { querystring: query } }, request => {
    requireRight(parts, request, 'read')
    const { after, limit } = request.query
    const keys = [...parts.fleet.vms.keys()].filter(key => key > after).sort()
    const vms: object[] = []
    let next = ''
    for (const key of keys) {
      const record = parts.fleet.vms.get(key)
      if (record === undefined || !wanted(record, request.query)) continue
      if (vms.length === limit) break
      vms.push(summary(record))
      next = key
    }
    return { vms, next: vms.length === limit ? next : '' }
  })
  app.get<{ Params: { host: string } }>('/api/v1/vms/:host', request => {
    requireRight(parts, request, 'read')
    return { host: request.params.host, ...find(parts, request.params.host) }
  })
  app.get<{ Params: { host: string } }>('/api/v1/explain/:host', request => {
    requireRight(parts, request, 'read')
    return parts.explain(request.params.host, find(parts, request.params.host))
  })
  app.get('/api/v1/clusters', request => {
    requireRight(parts, request, 'read')
    return { clusters: [...parts.fleet.clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) }
  })
  const body = {
    type: 'object',
    additionalProperties: false,
    required: ['digest'],
    properties: { digest: { type: 'string', minLength: 1, maxLength: 64 } },
  }
  app.post<Confirmation>('/api/v1/clusters/:name/confirm-deletions', { schema: { body } }, async (request, reply) => {
    const caller = requireRight(parts, request, 'admin')
    const { name } = request.params
    const { missing } = refuseUnseen(parts.fleet.clusters.get(name), name, request.body.digest)
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

/** Nobody confirms what they did not see: the digest is that of the VMs that are missing now. */
function refuseUnseen(cluster: ClusterRecord | undefined, name: string, digest: string): ClusterRecord {
  if (cluster === undefined)
    throw new Problem(404, 'no_cluster', `no cluster is called "${name}"`, {
      hint: 'GET /api/v1/clusters lists them',
    })
  if (cluster.missing_digest === '')
    throw new Problem(409, 'not_held', `"${name}" waits for nothing (it is ${cluster.status})`, {
      hint: 'only a cluster that is held because many VMs are missing is confirmed',
    })
  if (cluster.missing_digest !== digest)
    throw new Problem(409, 'other_missing', `other VMs of "${name}" are missing now than when that was looked at`, {
      hint: `look again: virtbridge confirm-deletions ${name}`,
      more: { missing: cluster.missing, digest: cluster.missing_digest },
    })
  return cluster
}

interface VmQuery {
  readonly cluster?: string
  readonly namespace?: string
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
    labels: seen.labels,
  }
}

function find(parts: AppParts, host: string): VmRecord {
  const record = parts.fleet.byHost(host)
  if (record !== undefined) return record
  throw new Problem(404, 'no_host', `no VM is called "${host}"`, {
    hint: 'host names are {name}.{namespace}.{cluster}; GET /api/v1/vms lists them',
  })
}
