import { readFileSync } from 'node:fs'
import type { ClusterConfig, HubConfig } from './config/index.ts'
import { Fault } from './errors.ts'
import { type Connection, withToken } from './kube/index.ts'
import { fromKubeconfig, inCluster } from './kube/kubeconfig.ts'

/** How a configured cluster or hub is reached. Throws a Fault. */
export function connectionOf(cluster: ClusterConfig): Connection {
  if (cluster.in_cluster) return inCluster()
  return fromKubeconfig({ file: cluster.kubeconfig, context: cluster.context, allowExec: cluster.allow_exec })
}

/**
 * How a managed cluster is reached: behind the hub's cluster-proxy, with the hub's own token, which it takes since MCE 2.9
 * (open-cluster-management-io/cluster-proxy, pkg/serviceproxy/readme.md). The token is read
 * anew when it is refused: it is rotated under us.
 */
export function behindProxy(hub: HubConfig, cluster: string, connection: Connection): Connection {
  const ca = hub.proxy.ca_file === '' ? '' : readFileSync(hub.proxy.ca_file, 'utf8')
  const token = async (fresh: boolean): Promise<string> => bearerOf(await connection.authorize(fresh), hub.name)
  return withToken({ url: `${hub.proxy.url.replace(/\/$/, '')}/${cluster}`, ca, token })
}

function bearerOf(headers: Record<string, string>, hub: string): string {
  const [, token = ''] = /^Bearer (.+)$/.exec(headers['authorization'] ?? '') ?? []
  if (token !== '') return token
  throw new Fault('hub_token', `${hub} is not reached with a token, so its cluster-proxy can not be asked`, {
    hint: 'use a service account token in its kubeconfig',
  })
}
