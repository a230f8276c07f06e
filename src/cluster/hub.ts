import { steadyClock } from '../clocks.ts'
import type { Entry, EventLog } from '../log/index.ts'
import {
  type KubeClient,
  KubeError,
  list,
  type Observed,
  PATHS,
  placementDecisionsIn,
  reflect,
  type ReflectOptions,
  type Resource,
} from '../kube/index.ts'
import { type ClusterSet, projectClusterSet } from './cluster-set.ts'
import { type Decision, projectDecision } from './decision.ts'
import { clusterEvent } from './event.ts'
import { hubStanding } from './hub-standing.ts'
import { Inbox } from './inbox.ts'
import { keep } from './keep.ts'
import { type ManagedCluster, projectManagedCluster } from './managed.ts'
import { type ClusterRecord, newCluster } from './record.ts'
import { type HubInbound, Selection, type SelectionChange, type SelectionRule } from './selection.ts'

export interface HubOptions {
  readonly name: string
  readonly client: KubeClient
  readonly log: EventLog
  readonly known: ClusterRecord | null
  readonly rule: SelectionRule
  /** Names of the clusters that were selected in an earlier life. */
  readonly before: Iterable<string>
  /** The name that a ManagedCluster has here. */
  readonly nameOf: (managed: string) => string
  readonly now: () => number
  /** By it goes how long a cluster is away (`Clocks`); that of the machine when left out. */
  readonly steady?: () => number
  readonly signal: AbortSignal
  readonly reflect?: Partial<Pick<ReflectOptions, 'pageSize' | 'stallMs' | 'backoff' | 'random'>>
  /** How long a cluster must be away from the selection to have left it: decisions move between slices, and are made anew. */
  readonly leaveHoldMs: number
  /**
   * Told, and awaited, when the selection changes, and once when it is first known. `entries` say so on the log: they are appended
   * together with what becomes of the clusters, so that a crash in between tells neither.
   */
  readonly onChange: (change: SelectionChange, selection: Selection, entries: readonly Entry[]) => Promise<void>
}

/** Changes of a hub that wait: when full, the sockets are left unread. */
const HUB_INBOX_LIMIT = 500

/**
 * Watches which clusters a hub manages and which of them are selected, until the signal aborts. The hub has a record of its own under
 * its name, so that an inventory stays closed until it is known which clusters there are. A hub that can not be reached changes nothing.
 */
export async function watchHub(options: HubOptions): Promise<void> {
  const inbox = new Inbox<HubInbound>(HUB_INBOX_LIMIT)
  const stop = new AbortController()
  const hub = new Hub(options, inbox)
  const sources = hub.sources(AbortSignal.any([options.signal, stop.signal]))
  try {
    await hub.work()
  } finally {
    stop.abort()
    await Promise.all(sources)
  }
}

/** Which clusters a hub selects now, read once. Rejects with a KubeError; `unknown` says why it can not be told. */
export async function readSelection(
  client: KubeClient,
  { rule, nameOf }: Pick<HubOptions, 'rule' | 'nameOf'>,
  signal: AbortSignal,
): Promise<{ readonly clusters: ReadonlyMap<string, ManagedCluster>; readonly unknown: string }> {
  const selection = new Selection({ rule, before: [], nameOf, holdMs: 0 })
  const options = { signal, verify: () => Promise.resolve() }
  selection.observe({ of: 'cluster', observed: await list(client, CLUSTERS, options) })
  if (rule.clusterSet !== '') selection.observe({ of: 'set', observed: await list(client, SETS, options) })
  if (rule.placement !== null)
    selection.observe({ of: 'decision', observed: await list(client, decisionsOf(rule.placement), options) })
  return { clusters: selection.review(0).came, unknown: selection.unknown }
}

const keyOf = ({ name }: { name: string }): string => name
const CLUSTERS: Resource<ManagedCluster> = { path: PATHS.managedclusters, project: projectManagedCluster, keyOf }
const SETS: Resource<ClusterSet> = { path: PATHS.managedclustersets, project: projectClusterSet, keyOf }

function decisionsOf({ namespace }: { namespace: string }): Resource<Decision> {
  return { path: placementDecisionsIn(namespace), project: projectDecision, keyOf }
}

class Hub {
  readonly #options: HubOptions
  readonly #inbox: Inbox<HubInbound>
  readonly #selection: Selection
  readonly #errors = new Map<HubInbound['of'], KubeError>()
  readonly #steady: () => number
  #record: ClusterRecord
  #known = false

  constructor(options: HubOptions, inbox: Inbox<HubInbound>) {
    const { rule, before, nameOf, leaveHoldMs } = options
    this.#options = options
    this.#inbox = inbox
    this.#steady = options.steady ?? steadyClock
    this.#selection = new Selection({ rule, before, nameOf, holdMs: leaveHoldMs })
    this.#record = { ...(options.known ?? newCluster(options.name, '')), kind: 'hub' }
  }

  /** One reflector for each resource that decides. */
  sources(signal: AbortSignal): readonly Promise<void>[] {
    const { rule } = this.#options
    const sources = [this.#reflect(CLUSTERS, observed => ({ of: 'cluster', observed }), signal)]
    if (rule.clusterSet !== '') sources.push(this.#reflect(SETS, observed => ({ of: 'set', observed }), signal))
    if (rule.placement !== null)
      sources.push(this.#reflect(decisionsOf(rule.placement), observed => ({ of: 'decision', observed }), signal))
    return sources
  }

  async work(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted) {
      const due = this.#selection.due
      const taken = await this.#inbox.take(due === null ? null : due - this.#steady(), signal)
      for (const inbound of taken) this.#observe(inbound)
      if (!signal.aborted) await this.#look()
    }
  }

  async #reflect<T>(
    resource: Resource<T>,
    inbound: (observed: Observed<T>) => HubInbound,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { ...this.#options.reflect, signal, verify: (inner: AbortSignal) => this.#verify(inner) }
    for await (const observed of reflect(this.#options.client, resource, options))
      await this.#inbox.put(inbound(observed), signal)
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const uid = await this.#options.client.identity(signal)
    if (this.#record.uid === '') this.#record = { ...this.#record, uid }
    if (this.#record.uid === uid) return
    throw new KubeError('replaced', `another hub answers (its kube-system is ${uid}, ours was ${this.#record.uid})`)
  }

  #observe(inbound: HubInbound): void {
    const { of, observed } = inbound
    if (observed.kind === 'unavailable') this.#errors.set(of, observed.error)
    else this.#errors.delete(of)
    this.#selection.observe(inbound)
  }

  /** First what came and left, then that the hub was read: who sees it synced finds its clusters there. */
  async #look(): Promise<void> {
    const { now } = this.#options
    const change = this.#selection.review(this.#steady())
    const { seen, unknown } = this.#selection
    if (change.came.size + change.left.size > 0 || (!this.#known && seen && unknown === '')) await this.#tell(change)
    const [error = null] = this.#errors.values()
    const next = hubStanding(this.#record, { error, seen, unknown }, now())
    if (next === null) return
    await keep(this.#options.log, [[{ stream: 'state.fleet', key: next.name, value: next }]])
    this.#record = next
  }

  async #tell(change: SelectionChange): Promise<void> {
    const entries: Entry[] = []
    let record = this.#record
    // What was there when the hub was first read is no news.
    if (record.adopted_at > 0 && change.added.length + change.left.size > 0) {
      const moved = { added: change.added, removed: [...change.left.keys()] }
      const event = clusterEvent(record, 'placement_changed', this.#options.now(), moved)
      record = { ...record, last_event: event.id }
      entries.push({ stream: 'events.cluster', key: record.name, value: event })
      entries.push({ stream: 'state.fleet', key: record.name, value: record })
    }
    await this.#options.onChange(change, this.#selection, entries)
    this.#record = record
    this.#known = true
  }
}
