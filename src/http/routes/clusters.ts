import type { FastifyInstance } from 'fastify'
import type { ClusterRecord } from '../../cluster/index.ts'
import type { ConfirmCommand } from '../../day2/index.ts'
import { seesCluster } from '../../fleet/index.ts'
import { closed, type Description, json, listOf, query, text } from '../description.ts'
import { type AppParts, requireClusters } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'

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
/** Clusters as they are known, and the one thing that a person may say about one. */
export function clusterRoutes(app: FastifyInstance, parts: AppParts): void {
  const querystring = query()
  app.get('/api/v1/clusters', { schema: { querystring }, config: { api: CLUSTERS } }, request => {
    const { scope } = requireClusters(request, 'read', 'a cluster is told of as a whole')
    const clusters = [...parts.fleet.clusters.values()].filter(cluster => seesCluster(scope, cluster.name))
    return { clusters: clusters.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  })
  const confirm = { schema: { querystring, body: closed({ digest: text(64) }) }, config: { api: CONFIRM } }
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
