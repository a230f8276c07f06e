import type { EventLog } from '../log/index.ts'
import { type KubeClient, KubeError, type Observed, PATHS, reflect, type ReflectOptions } from '../kube/index.ts'
import { isSelected, type ManagedCluster, projectManagedCluster } from './managed.ts'
import { type ClusterRecord, newCluster } from './record.ts'

export interface HubOptions {
  readonly name: string
  readonly client: KubeClient
  readonly log: EventLog
  readonly known: ClusterRecord | null
  readonly labels: Readonly<Record<string, string>>
  readonly now: () => number
  readonly signal: AbortSignal
  readonly reflect?: Partial<Pick<ReflectOptions, 'pageSize' | 'stallMs' | 'backoff' | 'random'>>
  /**
   * Told of each cluster that comes into the selection or leaves it. Leaving is out of scope, never gone. Awaited before the hub
   * counts as read, so that its clusters are known first.
   */
  readonly onSelected: (cluster: ManagedCluster) => Promise<void>
  readonly onLeft: (cluster: ManagedCluster) => void
  /** Told, and awaited, when the selection is known as a whole. */
  readonly onListed: () => Promise<void>
}

/**
 * Watches which clusters a hub manages, until the signal aborts. The hub has a record of its own under its name, so that an
 * inventory stays closed until it is known which clusters there are. A hub that can not be reached changes nothing.
 */
export async function watchHub(options: HubOptions): Promise<void> {
  const { client, signal, log, name } = options
  const selected = new Map<string, ManagedCluster>()
  let record: ClusterRecord = { ...(options.known ?? newCluster(name, '')), kind: 'hub' }
  const become = async (next: ClusterRecord): Promise<void> => {
    record = next
    await log.append([{ stream: 'state.fleet', key: name, value: next }])
  }
  const verify = async (inner: AbortSignal): Promise<void> => {
    const uid = await client.identity(inner)
    if (record.uid === '') record = { ...record, uid }
    if (record.uid === uid) return
    throw new KubeError('replaced', `another hub answers (its kube-system is ${uid}, ours was ${record.uid})`)
  }
  const resource = {
    path: PATHS.managedclusters,
    project: projectManagedCluster,
    keyOf: (cluster: ManagedCluster) => cluster.name,
  }
  for await (const observed of reflect(client, resource, { ...options.reflect, signal, verify })) {
    if (observed.kind === 'unavailable') {
      const { message, kind, hint } = observed.error
      if (record.reason === message) continue
      const status = record.adopted_at === 0 ? 'joining' : 'unavailable'
      await become({ ...record, status, reason: message, hint, cause: kind })
      continue
    }
    await apply(observed, selected, options)
    if (observed.kind === 'listed') await options.onListed()
    const now = options.now()
    const synced = {
      ...record,
      status: 'synced',
      reason: '',
      hint: '',
      cause: '',
      heartbeat: now,
      adopted_at: record.adopted_at || now,
    } as const
    if (record.status !== 'synced') await become(synced)
  }
}

async function apply(
  observed: Exclude<Observed<ManagedCluster>, { kind: 'unavailable' }>,
  selected: Map<string, ManagedCluster>,
  options: HubOptions,
): Promise<void> {
  const select = async (cluster: ManagedCluster): Promise<void> => {
    const was = selected.get(cluster.name)
    const is = isSelected(cluster, options.labels)
    if (was !== undefined && (!is || was.uid !== cluster.uid)) leave(was)
    if (!is || selected.has(cluster.name)) return
    selected.set(cluster.name, cluster)
    await options.onSelected(cluster)
  }
  const leave = (cluster: ManagedCluster): void => {
    if (selected.delete(cluster.name)) options.onLeft(cluster)
  }
  if (observed.kind === 'listed') {
    for (const cluster of selected.values()) if (!observed.objects.has(cluster.name)) leave(cluster)
    for (const cluster of observed.objects.values()) await select(cluster)
  } else if (observed.kind === 'changed') await select(observed.object)
  else if (observed.kind === 'gone') leave(observed.object)
}
