import { Stock } from '../../src/service/watch/stock.ts'
import { ClusterWatch } from '../../src/cluster/index.ts'
import { KubeClient, type ReflectOptions, withToken } from '../../src/kube/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { openLog, SHORT } from '../cluster/bridge.ts'
import { BACKOFF } from '../kube/world.ts'

/** One cluster being watched into a log on disk: the part of the bridge that may lose something. */
export interface Watcher extends AsyncDisposable {
  readonly watch: ClusterWatch
  readonly log: EventLog
}

export interface WatcherOptions {
  readonly folder: string
  readonly url: string
  readonly ca: string
  readonly token: () => Promise<string>
  /** Stands between the watch and its log. */
  readonly through?: (log: EventLog) => EventLog
  readonly now?: () => number
  readonly steady?: () => number
  readonly holds?: typeof SHORT
  readonly outageHoldMs?: number
  readonly requestTimeoutMs?: number
  readonly reflect?: Partial<ReflectOptions>
}

/** How often such a watcher looks up when nothing happens. */
export const HEARTBEAT_MS = 500

/** Begins to watch the cluster `prod-1`, from where the log in that folder is. */
export async function startWatcher(options: WatcherOptions): Promise<Watcher> {
  const { folder, url, ca, token, through = log => log } = options
  const log = await openLog(folder)
  const stop = new AbortController()
  const connection = withToken({ url, ca, token })
  const client = new KubeClient({ connection, userAgent: 'test', requestTimeoutMs: options.requestTimeoutMs ?? 5_000 })
  const watch = new ClusterWatch({
    name: 'prod-1',
    hub: '',
    client,
    log: through(log),
    known: await (await Stock.read(log)).take('prod-1'),
    holds: options.holds ?? SHORT,
    now: options.now ?? Date.now,
    ...(options.steady === undefined ? {} : { steady: options.steady }),
    signal: stop.signal,
    heartbeatMs: HEARTBEAT_MS,
    outageHoldMs: options.outageHoldMs ?? 300,
    catchUpMs: 100,
    resources: ['vm', 'vmi'],
    reflect: { backoff: { ...BACKOFF, maxMs: 100 }, ...options.reflect },
  })
  const ended = watch.run()
  return {
    watch,
    log,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended.catch(() => undefined)
      await client[Symbol.asyncDispose]()
      await log[Symbol.asyncDispose]()
    },
  }
}
