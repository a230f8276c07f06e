import { readSelection } from '../cluster/index.ts'
import type { ClusterConfig, HubConfig } from '../config/index.ts'
import { type Connection, KubeClient, KubeError, mayI, PATHS, placementDecisionsIn } from '../kube/index.ts'
import { connectionOf, managedConnection, ruleOf } from '../reach.ts'
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

/** A hub is reached, says which clusters it selects, and each of these is reached in the way that was chosen. */
export async function* checkHub(hub: HubConfig, signal: AbortSignal): AsyncIterable<Finding> {
  const what = `hub ${hub.name}`
  try {
    const connection = connectionOf(hub)
    const rule = ruleOf(hub)
    yield* checkConnection(what, connection, ['managedclusters'], signal)
    await using client = connect(connection)
    if (rule.clusterSet !== '') yield await checkResource(client, what, clusterWide('managedclustersets'), signal)
    if (rule.placement !== null) yield await checkResource(client, what, decisionsIn(rule.placement.namespace), signal)
    const nameOf = (managed: string): string => hub.aliases[managed] ?? managed
    const { clusters, unknown } = await readSelection(client, { rule, nameOf }, signal)
    yield selectionFinding(what, [...clusters.keys()], unknown)
    for (const [name, managed] of clusters) {
      const reached = managedConnection({ hub, connection, client, signal }, () => managed)
      yield* attempt(`cluster ${name}`, () => checkConnection(`cluster ${name}`, reached, OF_VMS, signal))
    }
  } catch (error) {
    yield failure(what, error)
  }
}

function selectionFinding(of: string, names: readonly string[], unknown: string): Finding {
  const what = `${of}: selection`
  if (unknown !== '') return { what, result: 'fail', detail: unknown, hint: 'make it, or mend the name' }
  const count = names.length === 1 ? '1 cluster' : `${names.length} clusters`
  if (names.length > 0) return { what, result: 'ok', detail: `${count}: ${some(names)}`, hint: '' }
  const hint = 'look at hubs[].labels, cluster_set and placement; a cluster must have been accepted and have joined'
  return { what, result: 'warn', detail: 'no cluster', hint }
}

/** So many are named; the others are counted. */
const NAMED = 20

function some(names: readonly string[]): string {
  const more = names.length - NAMED
  return [...names.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}

async function* attempt(what: string, look: () => AsyncIterable<Finding>): AsyncIterable<Finding> {
  try {
    yield* look()
  } catch (error) {
    yield failure(what, error)
  }
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
  for (const resource of resources) yield await checkResource(client, what, clusterWide(resource), signal)
}

interface Wanted {
  readonly resource: string
  readonly path: string
  /** Empty for the whole cluster. */
  readonly namespace: string
}

function clusterWide(resource: keyof typeof PATHS): Wanted {
  return { resource, path: PATHS[resource], namespace: '' }
}

function decisionsIn(namespace: string): Wanted {
  return { resource: 'placementdecisions', path: placementDecisionsIn(namespace), namespace }
}

async function checkResource(client: KubeClient, of: string, wanted: Wanted, signal: AbortSignal): Promise<Finding> {
  const { resource, path, namespace } = wanted
  const what = `${of}: ${resource}${namespace === '' ? '' : ` in ${namespace}`}`
  const [, , group = ''] = path.split('/')
  try {
    const denied: string[] = []
    for (const verb of ['list', 'watch'])
      if (!(await mayI(client, verb, { group, resource, namespace }, signal))) denied.push(verb)
    if (denied.length > 0) throw new KubeError('forbidden', `may not ${denied.join(' and ')}`)
    await client.get(`${path}?limit=1`, signal)
    return { what, result: 'ok', detail: 'may be listed and watched', hint: '' }
  } catch (error) {
    return failure(what, error)
  }
}
