import { monitorEventLoopDelay } from 'node:perf_hooks'
import { ClusterWatch, type WatchOptions } from '../../src/cluster/index.ts'
import { KubeClient, withToken } from '../../src/kube/index.ts'
import { Stock } from '../../src/service/watch/stock.ts'
import { type EventLog, openSqliteLog } from '../../src/log/index.ts'
import { openKafkaLog } from '../../src/log/kafka/index.ts'
import { connectionTo, planOf } from '../../test/log/kafka/place.ts'
import { pause } from '../../src/waiting.ts'

/** What the subject is asked to do. */
export interface Task {
  readonly folder: string
  readonly url: string
  readonly ca: string
  readonly token: string
  /** Watches so many clusters, all behind the same address. */
  readonly clusters: number
  readonly resources: WatchOptions['resources']
  /** Whether it tells how long its event loop stood still: to look each ms costs a tenth of what a change costs at 100 a second. */
  readonly stalls?: boolean
  /** The topics it writes to, with one replica each; a file in the folder when left out. */
  readonly kafka?: { readonly brokers: readonly string[]; readonly prefix: string; readonly partitions: number }
}

/** What it is sent: `settle` collects garbage before it tells how much memory it takes. */
export type Question = 'read' | 'settle'

/** What it says of itself, whenever it is sent a message. */
export interface Reading {
  readonly synced: boolean
  /** ms from its beginning to the moment it was synced. */
  readonly ms: number
  readonly stallMs: number
  readonly rss: number
  readonly cpuMs: number
  /** Events acknowledged: of each, when (ms since the epoch), and the label `turn` of its VM. */
  readonly acked: readonly [at: number, turn: string][]
  readonly count: number
}

/** The watch of the bridge, alone in a process: `subject.ts <Task as JSON>`. */
const task = JSON.parse(process.argv[2] ?? '{}') as Task
const YEAR_MS = 31_536_000_000
const acked: [number, string][] = []
let count = 0
const delay = monitorEventLoopDelay({ resolution: 1 })
const inner = await openLog(task)
const log = new Proxy(inner, {
  get(target, name) {
    const value: unknown = Reflect.get(target, name, target)
    if (typeof value !== 'function') return value
    if (name !== 'append') return value.bind(target) as unknown
    return async (entries: Parameters<EventLog['append']>[0]) => {
      const position = await target.append(entries)
      const at = performance.timeOrigin + performance.now()
      for (const { stream, value: event } of entries) {
        if (stream !== 'events.vm') continue
        count += 1
        const { data } = event as { data: { fact: string; vm: { labels: Record<string, string> } } }
        if (data.fact === 'labels_changed' && acked.length < 100_000) acked.push([at, data.vm.labels['turn'] ?? ''])
      }
      return position
    }
  },
})
await pause(200, new AbortController().signal)
if (task.stalls === true) delay.enable()
const began = performance.now()
let ms = 0
const stock = await Stock.read(log)
const watches: ClusterWatch[] = []
const before: ClusterWatch['record'][] = []
for (let n = 0; n < task.clusters; n += 1) {
  const name = `bench-${n}`
  const watch = new ClusterWatch({
    name,
    hub: '',
    client: new KubeClient({
      connection: withToken({ url: task.url, ca: task.ca, token: () => Promise.resolve(task.token) }),
      userAgent: 'bench',
    }),
    log,
    known: await stock.take(name),
    holds: { stopped: 20_000, reachable: 5_000, unreachable: 60_000, address: 10_000 },
    now: Date.now,
    signal: new AbortController().signal,
    heartbeatMs: 10_000,
    ...(task.resources === undefined ? {} : { resources: task.resources }),
  })
  watches.push(watch)
  before.push(watch.record)
  void watch.run()
}
process.on('disconnect', () => process.exit(0))
process.on('message', (question: Question) => {
  const { user, system } = process.cpuUsage()
  // Only then V8 gives back the pages that were emptied, and not those that it may want again.
  if (question === 'settle') globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const reading: Reading = {
    synced: ms > 0,
    ms,
    stallMs: task.stalls === true ? delay.max / 1e6 : 0,
    rss: process.memoryUsage().rss,
    cpuMs: (user + system) / 1000,
    acked: acked.splice(0),
    count,
  }
  delay.reset()
  process.send?.(reading)
})
// What is on record as synced is not so in this life.
while (!watches.every(({ record }, n) => record.status === 'synced' && record !== before[n]))
  await pause(2, new AbortController().signal)
ms = performance.now() - began

async function openLog({ folder, kafka }: Task): Promise<EventLog> {
  if (kafka === undefined)
    return openSqliteLog({ file: `${folder}/log.db`, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
  const { brokers, prefix, partitions } = kafka
  const topics = planOf(prefix, 1, partitions)
  return openKafkaLog({ connection: connectionTo(brokers), topics, perCluster: 1, compression: 'none' })
}
