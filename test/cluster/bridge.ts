import { ClusterWatch, type ClusterRecord, isCluster, type WatchOptions } from '../../src/cluster/index.ts'
import type { ClusterEventData, Event, VmEventData } from '../../src/event/index.ts'
import {
  type Entry,
  type EventLog,
  LogError,
  openSqliteLog,
  START,
  type Stored,
  type Stream,
} from '../../src/log/index.ts'
import { vi } from 'vitest'
import type { Keep, VmRecord } from '../../src/vm/index.ts'
import { BACKOFF, clientOf, type World } from '../kube/world.ts'
import { appending } from '../support/appending.ts'

export const SHORT = { stopped: 20, reachable: 1, unreachable: 20, address: 1 }

/** A log in a file; retention is for ever. */
export function openLog(folder: string): Promise<EventLog> {
  return openSqliteLog({ file: `${folder}/log.db`, retentionMs: 1e12, auditRetentionMs: 1e12 })
}

/** All of a stream. */
export async function all(log: EventLog, stream: Stream): Promise<readonly Stored[]> {
  const found: Stored[] = []
  for (
    let page = await log.page(stream, START, 500);
    page.length > 0;
    page = await log.page(stream, found.at(-1)?.position ?? START, 500)
  )
    found.push(...page)
  return found
}

/** What the log knows of the cluster, as the role `watch` reads it at its start. */
async function known(
  log: EventLog,
  name: string,
): Promise<{ cluster: ClusterRecord | null; records: Map<string, VmRecord> }> {
  const records = new Map<string, VmRecord>()
  let cluster: ClusterRecord | null = null
  for await (const { key, value } of log.latest('state.fleet')) {
    if (value === null || (key !== name && !key.startsWith(`${name}/`))) continue
    if (isCluster(value)) cluster = value
    else records.set(key.slice(key.indexOf('/') + 1), value as VmRecord)
  }
  return { cluster, records }
}

/** One cluster `prod-1` being watched into a log, until it is disposed. */
export interface Bridge extends AsyncDisposable {
  readonly watch: ClusterWatch
  /** Of each audit so far, how much it corrected. */
  readonly audits: readonly number[]
  /** Rejects when the watch ended with an error. */
  readonly done: Promise<void>
  status(): string
  /** A person, alice, says that the VMs which are missing now are gone; or that the deletions of a burst are meant. */
  confirm(): void
  /** Facts told so far, over all lives of the log: `created web-1`. */
  facts(): Promise<readonly string[]>
  vmEvents(): Promise<readonly Event<VmEventData>[]>
  clusterEvents(): Promise<readonly Event<ClusterEventData>[]>
}

interface BridgeOptions extends Pick<
  WatchOptions,
  'resources' | 'guests' | 'imports' | 'outageHoldMs' | 'reflect' | 'baseDomain'
> {
  readonly now?: () => number
  readonly steady?: () => number
  readonly heartbeatMs?: number
  readonly absenceHoldMs?: number
  readonly holds?: typeof SHORT
  readonly url?: string
  readonly confirmed?: readonly string[]
  readonly name?: string
  /** What is known of its VMs, when that is not asked of the log: as of a cluster that was let go in the same process. */
  readonly records?: Keep<VmRecord>
}

export async function startBridge(at: World, log: EventLog, options: BridgeOptions = {}): Promise<Bridge> {
  const stop = new AbortController()
  const client = clientOf(options.url ?? at.server.url)
  const before = await known(log, options.name ?? 'prod-1')
  const confirmed = new Set(options.confirmed)
  const audits: number[] = []
  const watch = new ClusterWatch({
    name: options.name ?? 'prod-1',
    hub: '',
    client,
    log,
    known: { ...before, ...(options.records === undefined ? {} : { records: options.records }) },
    holds: options.holds ?? SHORT,
    now: options.now ?? (() => Date.now()),
    ...(options.steady === undefined ? {} : { steady: options.steady }),
    signal: stop.signal,
    heartbeatMs: options.heartbeatMs ?? 50,
    outageHoldMs: options.outageHoldMs ?? 20,
    ...(options.absenceHoldMs === undefined ? {} : { absenceHoldMs: options.absenceHoldMs }),
    onAudited: corrections => audits.push(corrections),
    confirmedBy: digest => (confirmed.has(digest) ? 'alice' : null),
    reflect: { backoff: BACKOFF, pageSize: 3, ...options.reflect },
    // What is optional is left out unless a test is about it: it would only be asked for in vain.
    resources: options.resources ?? ['vm', 'vmi'],
    ...(options.baseDomain === undefined ? {} : { baseDomain: options.baseDomain }),
    ...(options.guests === undefined ? {} : { guests: options.guests }),
    ...(options.imports === undefined ? {} : { imports: options.imports }),
  })
  const done = watch.run()
  let over = false
  const ended = done.then(
    () => (over = true),
    () => (over = true),
  )
  // What was stored as synced is not so now: a test that waits for it means this life.
  await vi.waitUntil(() => over || watch.record.status !== 'synced' || watch.record !== before.cluster, {
    timeout: 60_000,
    interval: 1,
  })
  const events = async <T extends object>(stream: Stream): Promise<readonly Event<T>[]> =>
    (await all(log, stream)).map(stored => stored.value as Event<T>)
  return {
    watch,
    audits,
    done,
    status: () => watch.record.status,
    confirm: () => void confirmed.add(watch.record.missing_digest || (watch.record.burst?.digest ?? '')),
    facts: async () =>
      (await events<VmEventData>('events.vm')).map(event => `${event.data.fact} ${event.data.vm.name}`),
    vmEvents: () => events<VmEventData>('events.vm'),
    clusterEvents: () => events<ClusterEventData>('events.cluster'),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
      await client[Symbol.asyncDispose]()
    },
  }
}

/** A log that dies at one of its appends, before or after it is durable: what a kill of the process looks like. */
export function dying(
  log: EventLog,
  die: { readonly when: (entries: readonly Entry[]) => boolean; readonly durable: boolean },
): EventLog & { readonly died: boolean } {
  let died = false
  const dead = appending(log, async entries => {
    died ||= die.when(entries)
    if (died && !die.durable) throw new LogError('fatal', 'killed')
    const position = await log.append(entries)
    if (died) throw new LogError('fatal', 'killed')
    return position
  })
  return {
    ...dead,
    get died() {
      return died
    },
  }
}

/** Remembers each append. */
export function watched(log: EventLog): EventLog & { readonly appends: (readonly Entry[])[] } {
  const appends: (readonly Entry[])[] = []
  return {
    ...dying(log, { when: () => false, durable: true }),
    appends,
    append: entries => {
      appends.push(entries)
      return log.append(entries)
    },
  }
}
