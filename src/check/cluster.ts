import { isSelected, projectManagedCluster } from '../cluster/index.ts'
import type { ClusterConfig, HubConfig } from '../config/index.ts'
import { type Connection, KubeClient, KubeError, list, mayI, PATHS } from '../kube/index.ts'
import { behindProxy, connectionOf } from '../reach.ts'
import { USER_AGENT } from '../role.ts'
import { failure, type Finding } from './finding.ts'

const OF_VMS = ['virtualmachines', 'virtualmachineinstances'] as const
const REQUEST_TIMEOUT_MS = 10_000

/** A cluster is reached, says who it is, and lets its VMs be listed and watched. */
export async function* checkCluster(cluster: ClusterConfig, signal: AbortSignal): AsyncIterable<Finding> {
  const what = `cluster ${cluster.name}`
  try {
    yield* checkConnection(what, connectionOf(cluster), OF_VMS, signal)
  } catch (error) {
    yield failure(what, error)
  }
}

/** A hub is reached, and behind its cluster-proxy every managed cluster that it selects. */
export async function* checkHub(hub: HubConfig, signal: AbortSignal): AsyncIterable<Finding> {
  const what = `hub ${hub.name}`
  try {
    const connection = connectionOf(hub)
    yield* checkConnection(what, connection, ['managedclusters'], signal)
    for (const name of await selected(hub, connection, signal)) {
      const alias = hub.aliases[name] ?? name
      try {
        yield* checkConnection(`cluster ${alias}`, behindProxy(hub, name, connection), OF_VMS, signal)
      } catch (error) {
        yield failure(`cluster ${alias}`, error)
      }
    }
  } catch (error) {
    yield failure(what, error)
  }
}

async function selected(hub: HubConfig, connection: Connection, signal: AbortSignal): Promise<readonly string[]> {
  await using client = connect(connection)
  const resource = {
    path: PATHS.managedclusters,
    project: projectManagedCluster,
    keyOf: ({ name }: { name: string }) => name,
  }
  const { objects } = await list(client, resource, { signal, verify: () => Promise.resolve() })
  return [...objects.values()].filter(cluster => isSelected(cluster, hub.labels)).map(cluster => cluster.name)
}

function connect(connection: Connection): KubeClient {
  return new KubeClient({ connection, userAgent: USER_AGENT, requestTimeoutMs: REQUEST_TIMEOUT_MS })
}

async function* checkConnection(
  what: string,
  connection: Connection,
  resources: readonly (keyof typeof PATHS)[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  await using client = connect(connection)
  const version = (await client.get('/version', signal)) as { gitVersion?: string }
  const uid = await client.identity(signal)
  const detail = `${connection.url}, Kubernetes ${version.gitVersion ?? '?'}, identity ${uid}`
  yield { what, result: 'ok', detail, hint: '' }
  if (connection.tls.rejectUnauthorized === false && connection.url.startsWith('https:')) {
    yield {
      what,
      result: 'warn',
      detail: 'its certificate is not verified (insecure-skip-tls-verify)',
      hint: 'set certificate-authority-data in the kubeconfig',
    }
  }
  for (const resource of resources) yield await checkResource(client, what, resource, signal)
}

async function checkResource(
  client: KubeClient,
  of: string,
  resource: keyof typeof PATHS,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `${of}: ${resource}`
  const [, , group = ''] = PATHS[resource].split('/')
  try {
    const denied: string[] = []
    for (const verb of ['list', 'watch']) if (!(await mayI(client, verb, group, resource, signal))) denied.push(verb)
    if (denied.length > 0) throw new KubeError('forbidden', `may not ${denied.join(' and ')}`)
    await client.get(`${PATHS[resource]}?limit=1`, signal)
    return { what, result: 'ok', detail: 'may be listed and watched', hint: '' }
  } catch (error) {
    return failure(what, error)
  }
}
