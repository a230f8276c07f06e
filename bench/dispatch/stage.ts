import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openController } from '../../src/aap/index.ts'
import {
  Dispatcher,
  type DispatcherOptions,
  type Ledger,
  loadLedger,
  PATIENCE,
  type Policy,
  type VerbPolicy,
} from '../../src/day2/index.ts'
import { newCluster } from '../../src/cluster/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { addressOf } from '../../src/inventory/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { runningRecord } from '../../test/support/fleet.ts'

const TOKEN = 'a-token-of-the-benchmark'
const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const DAY = 86_400_000

/** Everything starts at once, however much it is. */
export const FREELY: Policy = {
  verb: 'onboard',
  template: 'Day2 | Onboard',
  driver: 'bridge',
  os: ['linux'],
  coalesceMs: 0,
  maxHosts: 500,
  maxJobs: 1_000,
  caps: { jobsPerTemplate: 1_000, hostsPerCluster: 100_000, hostsPerNode: 100_000 },
  brake: { hosts: 1_000_000, perMs: 1_000 },
}

/** A dispatcher at work on a real log in a file, and a simulated controller over HTTP, in real time. */
export interface Stage extends AsyncDisposable {
  readonly fleet: Fleet
  readonly ledger: Ledger
  readonly controller: SimulatedController
  /** Method and path of each request since the last look, with when it came. */
  requests(): readonly { readonly method: string; readonly path: string; readonly at: number }[]
  /** The dispatcher runs until the stage is disposed. */
  begin(): void
}

/** A guest that is news. */
export function fresh(number: number): VmRecord {
  const record = runningRecord(number)
  const told = { ...record.told, reachable: true, address: record.seen.address, boot: record.seen.boot }
  return { ...record, adopted: false, known_since: 1, told, waiting: [] }
}

/** An empty fleet of one synced cluster. */
export function emptyFleet(): Fleet {
  const fleet = new Fleet()
  const value = { ...newCluster('prod-1', ''), status: 'synced', adopted_at: 1, uid: 'uid-of-prod-1' } as const
  fleet.apply({ key: 'prod-1', value })
  return fleet
}

/** The controller has `hosts` in its inventory already, as they will be. Jobs never end. */
export async function openStage(hosts: readonly VmRecord[], policy: Partial<Policy> = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const log = stack.use(await openSqliteLog({ file: join(folder, 'log.db'), retentionMs: DAY, auditRetentionMs: DAY }))
  const controller = stack.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(DEPLOY)),
      tokens: { [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge' } },
      origins: { virtbridge: () => documentOf(hosts) },
      outcome: () => 'hang',
      timing: { pendingMs: 1, waitingMs: 1, updateMs: 1, tickMs: 10 },
    }),
  )
  const seen: { method: string; path: string; at: number }[] = []
  const faults = { ...controller.faults }
  controller.faults.take = (method, path) => {
    seen.push({ method, path, at: performance.now() })
    return faults.take(method, path)
  }
  const client = stack.use(openController({ url: controller.url, token: () => TOKEN, requestTimeoutMs: 10_000 }))
  await syncInventory(client)
  const fleet = emptyFleet()
  const { ledger } = await loadLedger(log)
  const options: DispatcherOptions = {
    log,
    fleet,
    ledger,
    controller: client,
    place: { organization: 'Default', inventory: 'virtbridge fleet', source: 'virtbridge' },
    onboard: { ...FREELY, ...policy },
    verbs: new Map<string, VerbPolicy>([
      ['onboard', FREELY],
      ['patch', { template: 'Day2 | Patch', driver: 'bridge', os: ['linux'] }],
    ]),
    caps: { jobs: 1_000, ...FREELY.caps },
    patience: PATIENCE,
    onlooking: { everyMs: 5_000, verbs: new Map(), rulebooks: new Set() },
    pollMs: 2_000,
    now: () => Date.now(),
    steady: () => performance.now(),
    newId: () => crypto.randomUUID(),
    report: () => undefined,
  }
  const dispatcher = new Dispatcher(options)
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  stack.defer(async () => {
    stopping.abort()
    await running
  })
  const owned = stack.move()
  return {
    fleet,
    ledger,
    controller,
    requests: () => seen.splice(0),
    begin: () => void (running = dispatcher.run(stopping.signal)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function syncInventory(client: ReturnType<typeof openController>): Promise<void> {
  const inventory = await client.findInventory('virtbridge fleet', 'Default')
  const update = await client.updateSource(await client.findInventorySource('virtbridge', inventory))
  while (!(await client.update(update)).finished) await new Promise(resolve => setTimeout(resolve, 20))
}

function documentOf(hosts: readonly VmRecord[]): unknown {
  const vars = hosts.map(record => [
    hostName(record),
    { kubevirt_uid: record.uid, ansible_host: addressOf(record), kubevirt_enabled: true },
  ])
  return { _meta: { hostvars: Object.fromEntries(vars) as object }, all: { hosts: hosts.map(hostName) } }
}

/** Takes a guest into the fleet. */
export function put(fleet: Fleet, record: VmRecord): void {
  fleet.apply({ key: vmKey(record), value: record })
}
