import { withToken, KubeClient } from '../../src/kube/index.ts'
import { ClusterWatch } from '../../src/cluster/index.ts'
import { Stock } from '../../src/service/watch/stock.ts'
import { type EventLog, openSqliteLog } from '../../src/log/index.ts'
import { pause } from '../../src/waiting.ts'
import { lineOf } from './objects.ts'

/** What is measured, and where the log is. */
export interface PathTask {
  readonly folder: string
  readonly vms: number
  readonly changes: number
}

/** Both in changes a second: the whole way, and JSON.parse of the same bytes. */
export interface PathReading {
  readonly rate: number
  readonly floor: number
}

/** The bodies of watches as HTTP/2 gives them, in frames of 16 KB, of bytes that are there already: nothing is sent or decrypted. */
const FRAME_BYTES = 16_384
const YEAR_MS = 31_536_000_000
const never = new AbortController().signal

/** An API server whose watches were recorded: first what is there, and once `begin` resolves the changes of VMs. */
class Recording extends KubeClient {
  readonly #bodies: ReadonlyMap<string, readonly Uint8Array[]>
  readonly #changes: readonly Uint8Array[]
  readonly #begin: Promise<unknown>

  constructor(
    bodies: ReadonlyMap<string, readonly Uint8Array[]>,
    changes: readonly Uint8Array[],
    begin: Promise<unknown>,
  ) {
    const connection = withToken({ url: 'http://127.0.0.1:1', ca: '', token: () => Promise.resolve('x') })
    super({ connection, userAgent: 'bench' })
    this.#bodies = bodies
    this.#changes = changes
    this.#begin = begin
  }

  override identity(): Promise<string> {
    return Promise.resolve('bench')
  }

  override stream(path: string): Promise<AsyncIterable<Uint8Array>> {
    const plural = new URL(path, this.url).pathname.split('/').at(-1) ?? ''
    return Promise.resolve(this.#body(plural))
  }

  async *#body(plural: string): AsyncGenerator<Uint8Array> {
    yield* this.#bodies.get(plural) ?? []
    await this.#begin
    if (plural === 'virtualmachines') for (const frame of this.#changes) yield frame
    await pause(YEAR_MS, never)
  }
}

const { folder, vms, changes } = JSON.parse(process.argv[2] ?? '{}') as PathTask
const lines = Array.from({ length: changes }, (_, n) =>
  Buffer.from(lineOf('MODIFIED', 'virtualmachines', n % vms, 1_000_000 + n, String(n))),
)
const begin = Promise.withResolvers<undefined>()
const bodies = new Map(['virtualmachines', 'virtualmachineinstances'].map(plural => [plural, framed(initial(plural))]))
const { log, acknowledged } = await counting(changes)
const watch = new ClusterWatch({
  name: 'bench',
  hub: '',
  client: new Recording(bodies, framed(lines), begin.promise),
  log,
  known: await (await Stock.read(log)).take('bench'),
  holds: { stopped: 20_000, reachable: 5_000, unreachable: 60_000, address: 10_000 },
  now: Date.now,
  signal: never,
  heartbeatMs: 10_000,
  resources: ['vm', 'vmi'],
})
void watch.run()
while (watch.record.status !== 'synced') await pause(2, never)
const floor = parseRate()
const from = performance.now()
begin.resolve(undefined)
await acknowledged
process.send?.({ rate: (changes * 1000) / (performance.now() - from), floor } satisfies PathReading)
process.exit(0)

function initial(plural: string): readonly Buffer[] {
  const metadata = { resourceVersion: '999999', annotations: { 'k8s.io/initial-events-end': 'true' } }
  const end = Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`)
  return [...Array.from({ length: vms }, (_, n) => Buffer.from(lineOf('ADDED', plural, n, n + 1, 'old'))), end]
}

function framed(all: readonly Buffer[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  const bytes = Buffer.concat(all)
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) frames.push(bytes.subarray(at, at + FRAME_BYTES))
  return frames
}

/** A log that counts what it was given, once that is durable; and when it has counted so many. */
async function counting(all: number): Promise<{ log: EventLog; acknowledged: Promise<void> }> {
  const inner = await openSqliteLog({ file: `${folder}/log.db`, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS })
  const done = Promise.withResolvers<void>()
  let left = all
  const append: EventLog['append'] = async entries => {
    const position = await inner.append(entries)
    for (const { value } of entries)
      if (value !== null && 'data' in value && (value.data as { fact?: string }).fact === 'labels_changed') left -= 1
    if (left === 0) done.resolve()
    return position
  }
  const log = new Proxy(inner, {
    get(target, name) {
      if (name === 'append') return append
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { log, acknowledged: done.promise }
}

/** The floor: JSON.parse of the same lines, on the same core. */
function parseRate(): number {
  const began = performance.now()
  for (const line of lines) JSON.parse(line.toString('utf8'))
  return (lines.length * 1000) / (performance.now() - began)
}
