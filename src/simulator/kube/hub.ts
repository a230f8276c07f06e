import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpRequest } from 'node:http'
import type { Access, Identity } from './access.ts'
import { bearerOf } from './access.ts'
import type { Draft } from './object.ts'
import { MANAGED_CLUSTERS } from './resource.ts'
import type { Forward } from './front.ts'
import { StatusError } from './status.ts'
import type { Store } from './store.ts'

/** Where the hub's paths to managed clusters begin. */
export const PROXY_PATH = '/cluster-proxy'

/** A managed cluster as its hub reaches it. `proxyToken` may impersonate there. */
export interface ManagedTarget {
  url: string
  proxyToken: string
}

/** The user that a hub's user becomes on a managed cluster, as the cluster-proxy of Open Cluster Management names it. */
export function userBehindProxy(user: string): string {
  return `cluster:hub:${user}`
}

/**
 * The hub's cluster proxy: `/cluster-proxy/{cluster}/…` reaches that cluster's API, watches included.
 *
 * token                    | what the cluster sees
 * known to the hub         | the proxy, impersonating `cluster:hub:<user>`
 * any other                | the token as it came: the cluster's own tokens work through the proxy too
 *
 * Answers 400 for a path without a cluster, 502 for a cluster that is unknown or cannot be reached.
 */
export function clusterProxy(access: Access, targets: ReadonlyMap<string, ManagedTarget>): Forward {
  return (request, response, url) => {
    const match = /^\/cluster-proxy\/([^/]+)(\/.*)?$/.exec(url.pathname)
    if (match === null) return false
    const target = targets.get(match[1] ?? '')
    if (target === undefined) badGateway(response)
    else relay(request, response, { target, path: `${match[2] ?? '/'}${url.search}`, access })
    return true
  }
}

function relay(
  request: IncomingMessage,
  response: ServerResponse,
  { target, path, access }: { target: ManagedTarget; path: string; access: Access },
): void {
  const { host: _host, connection: _connection, ...headers } = request.headers
  const identity = access.find(bearerOf(headers.authorization))
  const upstream = httpRequest(`${target.url}${path}`, {
    method: request.method,
    // The real proxy opens a tunnel per request: nothing is kept that could be stale.
    agent: false,
    headers: { ...headers, ...(identity === null ? {} : impersonation(identity, target)) },
  })
  upstream.on('response', answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    response.flushHeaders()
    answer.pipe(response)
    // A watch that breaks behind the proxy must break in front of it, not hang.
    answer.once('error', () => response.destroy())
  })
  upstream.once('error', () => badGateway(response))
  response.once('close', () => upstream.destroy())
  request.pipe(upstream)
}

function impersonation(identity: Identity, target: ManagedTarget): Record<string, string> {
  return { authorization: `Bearer ${target.proxyToken}`, 'impersonate-user': userBehindProxy(identity.user) }
}

function badGateway(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { body } = new StatusError(502, '', 'proxy to anp-proxy-server failed')
  response.writeHead(502, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** What a managed cluster looks like to its hub. */
export interface ManagedClusterFacts {
  name: string
  url: string
  /** uid of its kube-system namespace. */
  identity: string
  clusterSet: string
  labels?: Readonly<Record<string, string>>
}

/** A ManagedCluster that has joined and is available. `at` is an RFC 3339 time. */
function managedCluster({ name, url, identity, clusterSet, labels }: ManagedClusterFacts, at: string): Draft {
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime: at,
  })
  return {
    metadata: {
      name,
      labels: {
        name,
        'cluster.open-cluster-management.io/clusterset': clusterSet,
        'feature.open-cluster-management.io/addon-cluster-proxy': 'available',
        'feature.open-cluster-management.io/addon-kubevirt-hyperconverged': 'available',
        vendor: 'Kubernetes',
        ...labels,
      },
    },
    spec: { hubAcceptsClient: true, leaseDurationSeconds: 60, managedClusterClientConfigs: [{ url }] },
    status: {
      version: { kubernetes: 'v1.34.2' },
      clusterClaims: [
        { name: 'id.k8s.io', value: identity },
        { name: 'kubeversion.open-cluster-management.io', value: 'v1.34.2' },
      ],
      conditions: [
        condition('HubAcceptedManagedCluster', 'HubClusterAdminAccepted', 'Accepted by hub cluster admin'),
        condition('ManagedClusterJoined', 'ManagedClusterJoined', 'Managed cluster joined'),
        condition('ManagedClusterConditionAvailable', 'ManagedClusterAvailable', 'Managed cluster is available'),
        condition('ManagedClusterConditionClockSynced', 'ManagedClusterClockSynced', 'The clock is synced'),
      ],
    },
  }
}

/** Registers a managed cluster, or brings its URL and identity up to date. */
export function join(store: Store, facts: ManagedClusterFacts, at: string): void {
  const draft = managedCluster(facts, at)
  const ref = { namespace: '', name: facts.name }
  store.ensureNamespace(facts.name)
  if (store.get(MANAGED_CLUSTERS, ref) === null) store.create(MANAGED_CLUSTERS, draft)
  else store.patch(MANAGED_CLUSTERS, ref, { spec: draft.spec })
  const status = store.get(MANAGED_CLUSTERS, ref)?.status
  if (status === undefined || facts.identity !== claimOf(status, 'id.k8s.io')) {
    store.patch(MANAGED_CLUSTERS, ref, { status: draft.status }, 'status')
  }
}

function claimOf(status: unknown, name: string): string {
  const { clusterClaims = [] } = status as { clusterClaims?: { name: string; value: string }[] }
  return clusterClaims.find(claim => claim.name === name)?.value ?? ''
}
