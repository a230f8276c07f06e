import { readFileSync } from 'node:fs'
import type { ManagedCluster, SelectionRule } from '../../cluster/index.ts'
import { type ClusterConfig, type HubConfig, isLoopback, parseSelector } from '../../config/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import { type Connection, following, KubeError, type Tls } from '../../kube/index.ts'
import { fromKubeconfig, fromKubeconfigText, inCluster } from '../../kube/kubeconfig.ts'
import { type HubAccess, type Secret, secretOf } from './secret.ts'

/** How a cluster or hub of the configuration is reached: by its kubeconfig, or as a pod in it. Throws a Fault when the kubeconfig can not be used. */
export function connectionOf(cluster: ClusterConfig): Connection {
  if (cluster.in_cluster) return inCluster()
  return fromKubeconfig({ file: cluster.kubeconfig, context: cluster.context, allowExec: cluster.allow_exec })
}

/** The rule that selects which clusters of a hub are watched: labels, a ManagedClusterSet, a Placement; all that are given must hold. */
export function ruleOf(hub: HubConfig): SelectionRule {
  const [namespace = '', name = ''] = hub.placement.split('/')
  return {
    labels: parseSelector(hub.labels),
    clusterSet: hub.cluster_set,
    placement: name === '' ? null : { namespace, name },
  }
}

/**
 * How a managed cluster is reached, in the way that `hubs[].reach` names. Token, certificate and URL are read when they are first needed,
 * and again when they are refused or lead nowhere, as all of them are rotated while we run. While the hub does not answer, the old ones
 * are used on.
 *
 * | reach             | URL and CA                         | token |
 * |-------------------|------------------------------------|-------|
 * | hub_token         | the cluster-proxy's                | the hub's own |
 * | managed_account   | the cluster-proxy's                | of a ManagedServiceAccount, from its Secret |
 * | kubeconfig_secret | of a kubeconfig, from a Secret     | the same |
 * | direct            | as the ManagedCluster says         | of a ManagedServiceAccount, from its Secret |
 */
export function managedConnection(access: HubAccess, managed: () => ManagedCluster): Connection {
  const { hub } = access
  const { name } = managed()
  const account = (): Secret => secretOf(access, { namespace: name, name: hub.account }, ACCOUNT_HINT)
  switch (hub.reach) {
    case 'hub_token':
      return following(async fresh => ({ ...proxied(hub, name), token: await hubToken(access, fresh) }))
    case 'managed_account': {
      const secret = account()
      return following(async fresh => ({ ...proxied(hub, name), token: await secret.read('token', fresh) }))
    }
    case 'direct': {
      const secret = account()
      return following(async fresh => {
        const token = await secret.read('token', fresh)
        const at = managed()
        const ca = at.ca === '' && at.url.startsWith('https:') ? await secret.read('ca.crt', false) : at.ca
        return { ...direct(at, ca), token }
      })
    }
    case 'kubeconfig_secret': {
      const [namespace = '', secretName = ''] = hub.secret.replaceAll('{cluster}', name).split('/')
      const secret = secretOf(access, { namespace, name: secretName }, KUBECONFIG_HINT)
      return fromKubeconfigText(secret.what, () => secret.read(hub.secret_key, true))
    }
  }
}

const ACCOUNT_HINT =
  'make the ManagedServiceAccount and wait for its token, or mend hubs[].account; docs/operations/clusters.md says how'
const KUBECONFIG_HINT = 'make the Secret, or mend hubs[].secret; docs/operations/clusters.md says how'

/** The URL of a cluster behind the cluster-proxy. The CA is read each time, as it is rotated too. */
function proxied({ name: hub, proxy }: HubConfig, cluster: string): { url: string; tls: Tls } {
  if (proxy === undefined) throw new Fault('config', `${hub} has no proxy`, { hint: 'add hubs[].proxy' })
  const url = `${proxy.url.replace(/\/$/, '')}/${cluster}`
  return { url, tls: proxy.ca_file === '' ? {} : { ca: readCa(proxy.ca_file) } }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new KubeError('untrusted', `the CA of the cluster-proxy can not be read: ${messageOf(error)}`, {
      hint: 'hubs[].proxy.ca_file must name a PEM file that this process may read',
    })
  }
}

function direct({ name, url }: ManagedCluster, ca: string): { url: string; tls: Tls } {
  const { protocol = '', hostname = '' } = URL.parse(url) ?? {}
  if (protocol === 'https:') return { url, tls: { ca } }
  if (protocol === 'http:' && isLoopback(hostname)) return { url, tls: {} }
  const says = url === '' ? 'does not say where its API server is' : `says that its API server is at ${url}`
  throw new KubeError('unreachable', `the ManagedCluster ${name} ${says}`, {
    hint: 'spec.managedClusterClientConfigs of it must have an https URL and its caBundle; or choose another way: hubs[].reach',
  })
}

/** The hub's own token, which the cluster-proxy accepts for a managed cluster since MCE 2.9 (open-cluster-management-io/cluster-proxy, pkg/serviceproxy/readme.md). */
async function hubToken({ hub, connection }: HubAccess, fresh: boolean): Promise<string> {
  const headers = await connection.authorize(fresh)
  const [, token = ''] = /^Bearer (.+)$/.exec(headers['authorization'] ?? '') ?? []
  if (token !== '') return token
  const message = `${hub.name} is not reached with a token, so its cluster-proxy can not be asked`
  throw new KubeError('unauthorized', message, {
    hint: 'use a service account token in its kubeconfig, or reach: managed_account',
  })
}
