import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ImportBoard, watchPlans } from '../../src/cluster/index.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { vmOf } from '../../src/simulator/cast/guest-vm.ts'
import { wallClock } from '../../src/simulator/kube/clock.ts'
import {
  HUB_RESOURCES,
  CLONES,
  DATA_VOLUMES,
  MIGRATIONS,
  PLANS,
  RESTORES,
  RUNS,
  SERVICES,
  SNAPSHOTS,
  VMIS,
  VMS,
} from '../../src/simulator/kube/resource.ts'
import { FAILS_ANNOTATION } from '../../src/simulator/virt/migration.ts'
import { UNSCHEDULABLE_ANNOTATION } from '../../src/simulator/virt/instance.ts'
import { hasCondition, type Vm, type Vmi } from '../../src/simulator/virt/objects.ts'
import { startImporter } from '../../src/simulator/virt/importer.ts'
import { IMPORT_FAILS_ANNOTATION, type Plan } from '../../src/simulator/virt/plan.ts'
import { startVirt } from '../../src/simulator/virt/virt.ts'
import { GuestIndex } from '../../src/vm/index.ts'
import { BACKOFF, clientOf, startScripted, startWorld, type World } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, type Bridge, openLog, startBridge } from './bridge.ts'

const SOON = { timeout: 60_000, interval: 5 }
const HOLDS = { stopped: 150, reachable: 1, unreachable: 5_000, address: 1 }
const RESOURCES = ['vm', 'vmi', 'migration', 'snapshot', 'restore', 'clone', 'claim'] as const
const db = { namespace: 'shop', name: 'db' }
const failing = (why: string): { annotations: Record<string, string> } => ({ annotations: { [FAILS_ANNOTATION]: why } })

let stack: AsyncDisposableStack
let log: EventLog
let at: World
const guests = (): GuestIndex => new GuestIndex()

/** A simulated cluster whose virt-controller, nodes and guests work three hundred times as fast as real ones. */
async function cluster(seed: string): Promise<World> {
  const world = stack.use(await startWorld({}, { seed }))
  const options = { store: world.store, cluster: seed, nodes: ['n1', 'n2'], seed, clock: wallClock, speed: 300 }
  stack.use(startVirt(options))
  return world
}

async function bridgeOf(world: World, options: Parameters<typeof startBridge>[2] = {}): Promise<Bridge> {
  const bridge = stack.use(await startBridge(world, log, { holds: HOLDS, resources: RESOURCES, ...options }))
  await vi.waitUntil(() => bridge.status() === 'synced', SOON)
  // Each of the other five has been listed too.
  await vi.waitUntil(() => world.server.watches.size >= RESOURCES.length, SOON)
  return bridge
}

async function told(name: string): Promise<readonly VmEventData[]> {
  const events = (await all(log, 'events.vm')).map(({ value }) => (value as Event<VmEventData>).data)
  return events.filter(({ vm }) => vm.name === name)
}

/** Waits until the last fact about a VM is this one; gives its event. */
async function last(fact: string, name = 'db'): Promise<VmEventData> {
  await expect.poll(async () => (await told(name)).at(-1)?.fact, SOON).toBe(fact)
  return (await told(name)).at(-1) as VmEventData
}

/** Waits until a fact was told of a VM; gives its event. */
async function once(fact: string, name = 'db'): Promise<VmEventData> {
  await expect.poll(async () => (await told(name)).map(data => data.fact), SOON).toContain(fact)
  return (await told(name)).find(data => data.fact === fact) as VmEventData
}

/** What somebody or something does to the guest: laid over the status of its VMI. */
function befall(change: (status: NonNullable<Vmi['status']>) => object): void {
  const vmi = at.store.get(VMIS, db) as Vmi
  at.store.patch(VMIS, db, { status: change(vmi.status ?? {}) })
}

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  log = stack.use(await openLog(folder.path))
  at = await cluster('one')
})
afterEach(() => stack.disposeAsync())

async function reachable(): Promise<Bridge> {
  const bridge = await bridgeOf(at)
  at.store.create(VMS, vmOf({ ...db, os: 'rhel9' }))
  await last('reachable')
  return bridge
}

describe('a simulated cluster, from its API server to the log', () => {
  test('plays the life of a guest: paused, moved, changed, crashed', async () => {
    await reachable()
    const paused = { type: 'Paused', status: 'True', reason: 'PausedIOError' }
    befall(({ conditions = [] }) => ({ conditions: [...conditions, paused] }))
    expect(await last('paused')).toMatchObject({ reason: 'PausedIOError' })
    befall(({ conditions = [] }) => ({ conditions: conditions.filter(({ type }) => type !== 'Paused') }))
    await last('unpaused')

    at.store.create(MIGRATIONS, { metadata: { ...db, name: 'm-1' }, spec: { vmiName: 'db' } })
    await once('address_changed')
    await once('migrated')
    at.store.create(MIGRATIONS, { metadata: { ...db, name: 'm-2', ...failing('no room') }, spec: { vmiName: 'db' } })
    expect(await once('migration_failed')).toMatchObject({ reason: 'no room' })

    // The agent tells its own words anew when it is back after the migration.
    await vi.waitUntil(() => hasCondition((at.store.get(VMIS, db) as Vmi).status?.conditions, 'AgentConnected'), SOON)
    befall(() => ({ guestOSInfo: { kernelRelease: '5.14.0-503' } }))
    expect(await last('guest_changed')).toMatchObject({ changed: ['kernel'] })
    at.store.patch(VMS, db, { spec: { instancetype: { name: 'u1.large' } } })
    await last('restart_required')

    befall(() => ({ phase: 'Failed', reason: 'NodeUnresponsive' }))
    expect(await once('crashed')).toMatchObject({ reason: 'NodeUnresponsive' })
    await last('reachable')
    const facts = (await told('db')).map(({ fact }) => fact)
    expect(facts.filter(fact => ['restarted', 'stopped', 'unreachable'].includes(fact))).toEqual([])
    expect(facts.filter(fact => fact === 'migration_failed')).toHaveLength(1)
  })

  test('plays snapshots, restores and clones, and a root disk that is replaced by a restore', async () => {
    await reachable()
    const spec = { source: { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name: 'db' } }
    at.store.create(SNAPSHOTS, { metadata: { ...db, name: 'before' }, spec })
    expect(await last('snapshot_succeeded')).toMatchObject({ transition: { to: 'before' } })
    at.store.create(SNAPSHOTS, { metadata: { ...db, name: 'late', ...failing('deadline exceeded') }, spec })
    expect(await last('snapshot_failed')).toMatchObject({ reason: 'deadline exceeded' })

    const back = { target: { kind: 'VirtualMachine', name: 'db' }, virtualMachineSnapshotName: 'before' }
    at.store.create(RESTORES, { metadata: { ...db, name: 'no', ...failing('it runs') }, spec: back })
    expect(await last('restore_failed')).toMatchObject({ transition: { from: 'before', to: 'no' }, reason: 'it runs' })
    at.store.create(RESTORES, { metadata: { ...db, name: 'yes' }, spec: back })
    at.store.patch(VMS, db, { spec: { runStrategy: 'Halted' } })
    expect(await once('stopped')).toMatchObject({ reason: 'asked' })
    await once('restore_succeeded')
    await once('root_disk_replaced')

    at.store.create(CLONES, {
      metadata: { ...db, name: 'twin' },
      spec: { source: { kind: 'VirtualMachine', name: 'db' }, target: { name: 'db-2' } },
    })
    await once('created', 'db-2')
    at.store.patch(VMS, { ...db, name: 'db-2' }, { metadata: { labels: { seen: 'yes' } } })
    expect((await last('labels_changed', 'db-2')).vm.descent).toEqual({
      kind: 'clone',
      from: 'shop/db',
      by: 'twin',
      run: '',
    })
    // What nobody asked for was told of nobody.
    expect((await told('db')).filter(({ fact }) => fact === 'root_disk_replaced')).toHaveLength(1)
  })

  test('plays a VM for which no node has room', async () => {
    await bridgeOf(at)
    const draft = vmOf({ ...db, os: 'rhel9' }) as unknown as Vm
    draft.spec.template.metadata = { annotations: { [UNSCHEDULABLE_ANNOTATION]: '' } }
    at.store.create(VMS, draft)
    expect(await last('start_failed')).toMatchObject({ reason: 'ErrorUnschedulable' })
  })

  test('lets a guest move to another cluster, where it goes on and is not cleaned up', async () => {
    const shared = { guests: guests() }
    await bridgeOf(at, shared)
    const there = await cluster('two')
    await bridgeOf(there, { ...shared, name: 'prod-2' })
    at.store.create(VMS, vmOf({ ...db, os: 'rhel9' }))
    await last('reachable')
    const { uuid } = (at.store.get(VMS, db) as Vm).spec.template.spec.domain.firmware ?? {}
    at.store.patch(VMS, db, { spec: { runStrategy: 'Halted' } })
    await last('stopped')
    const moved = vmOf({ ...db, os: 'rhel9' }) as unknown as Vm
    moved.spec.template.spec.domain.firmware = { uuid: uuid ?? '' }
    there.store.create(VMS, moved)
    await once('moved')
    await last('reachable')
    at.store.remove(VMS, db)
    const ways = await twice('moved')
    expect(ways.map(({ cluster: { name }, reason, transition }) => [name, reason, transition])).toEqual([
      ['prod-2', 'arrived', { from: 'prod-1/shop/db', to: 'prod-2/shop/db' }],
      ['prod-1', 'left', { from: 'prod-1/shop/db', to: 'prod-2/shop/db' }],
    ])
    expect((await told('db')).map(({ fact }) => fact)).not.toContain('deleted')
  })

  test('hears from a hub what became of an import', async () => {
    const imports = new ImportBoard()
    const hub = stack.use(await startWorld({}, { resources: HUB_RESOURCES, seed: 'hub' }))
    const stop = new AbortController()
    const watching = watchPlans({
      client: stack.use(clientOf(hub.server.url)),
      hub: 'hub',
      board: imports,
      signal: stop.signal,
      reflect: { backoff: BACKOFF },
    })
    stack.defer(async () => {
      stop.abort()
      await watching
    })
    await vi.waitUntil(() => hub.server.watches.size === 1, SOON)
    // What a plan says is told when it says so: no heartbeat comes to help within this test.
    await bridgeOf(at, { imports, heartbeatMs: 3_600_000 })
    const plan = hub.store.create(PLANS, { metadata: { ...db, name: 'wave-3' }, spec: {} })
    const labels = { plan: plan.metadata.uid, vmID: 'vm-1042', migration: 'run-1', 'plan-name': 'wave-3' }
    at.store.create(VMS, vmOf({ ...db, os: 'rhel9', labels }))
    expect(await once('created')).toMatchObject({ reason: 'import of vm-1042 by wave-3' })
    const migration = (type: string, completed: string): object => {
      return { migration: { vms: [{ id: 'vm-1042', completed, conditions: [{ type, status: 'True' }] }] } }
    }
    // From here on nothing happens on its own cluster that would make anybody look.
    await last('reachable')
    const later = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString()
    hub.store.patch(PLANS, { ...db, name: 'wave-3' }, { status: migration('Failed', later(1)) }, 'status')
    await once('import_failed')
    hub.store.patch(PLANS, { ...db, name: 'wave-3' }, { status: migration('Succeeded', later(2)) }, 'status')
    expect(await once('imported')).toMatchObject({
      transition: { from: 'vm-1042', to: 'shop/wave-3' },
      vm: { descent: { kind: 'import', from: 'vm-1042', by: 'wave-3', run: 'run-1' } },
    })
  })

  test('plays a plan of a migration toolkit: one VM arrives, one fails and arrives at the second try, one is cancelled', async () => {
    const imports = new ImportBoard()
    const hub = stack.use(await startWorld({}, { resources: HUB_RESOURCES, seed: 'hub' }))
    const clusters = new Map([['prod-1', at.store]])
    stack.use(startImporter({ hub: hub.store, clusters, clock: wallClock, speed: 300 }))
    const stop = new AbortController()
    const client = stack.use(clientOf(hub.server.url))
    const watching = watchPlans({
      client,
      hub: 'hub',
      board: imports,
      signal: stop.signal,
      reflect: { backoff: BACKOFF },
    })
    stack.defer(async () => {
      stop.abort()
      await watching
    })
    await vi.waitUntil(() => hub.server.watches.size === 1, SOON)
    await bridgeOf(at, { imports, heartbeatMs: 3_600_000 })
    const wave = { namespace: 'shop', name: 'wave-1' }
    const vms = ['db', 'app', 'old'].map((name, index) => ({ id: `vm-${index}`, name }))
    const annotations = { [IMPORT_FAILS_ANNOTATION]: '{"vm-1":"no space"}' }
    const provider = { source: { name: 'vcenter' }, destination: { name: 'prod-1' } }
    hub.store.create(PLANS, { metadata: { ...wave, annotations }, spec: { provider, targetNamespace: 'shop', vms } })
    const run = (name: string, cancel: readonly object[]): string =>
      hub.store.create(RUNS, { metadata: { ...wave, name }, spec: { plan: wave, cancel } }).metadata.uid
    const first = run('first', [{ id: 'vm-2' }])
    expect(await once('imported')).toMatchObject({
      transition: { from: 'vm-0', to: 'shop/wave-1' },
      vm: { descent: { kind: 'import', from: 'vm-0', by: 'wave-1', run: first } },
    })
    const conditions = (): readonly string[] => {
      const { status } = hub.store.get(PLANS, wave) as Plan
      return (status?.migration?.vms ?? []).flatMap(vm => vm.conditions ?? []).map(({ type }) => type)
    }
    await expect.poll(conditions, SOON).toEqual(['Succeeded', 'Failed', 'Canceled'])
    // A VM that failed before it was made is nobody's news: there is none. Its second try makes one.
    expect(await told('app')).toEqual([])
    hub.store.patch(PLANS, wave, { metadata: { annotations: { [IMPORT_FAILS_ANNOTATION]: null } } })
    at.store.remove(VMS, db)
    run('second', [])
    await once('imported', 'app')
    await once('imported', 'old')
  })

  test('tells which disk can not be made, and why, of a VM that says only that it waits', async () => {
    // Nobody runs here: what CDI and KubeVirt would write is written by hand.
    const plain = stack.use(await startWorld({}, { seed: 'plain' }))
    const bridge = stack.use(await startBridge(plain, log, { holds: HOLDS, resources: ['vm', 'vmi', 'disk'] }))
    await vi.waitUntil(() => bridge.status() === 'synced' && plain.server.watches.size >= 3, SOON)
    const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'db', uid: plain.addVm('db') }
    plain.store.patch(VMS, db, { status: { printableStatus: 'Provisioning' } }, 'status')
    const root = { namespace: 'shop', name: 'db-root' }
    plain.store.create(DATA_VOLUMES, { metadata: { ...root, ownerReferences: [owner] }, spec: {} })
    for (const progress of ['1%', '2%'])
      plain.store.patch(DATA_VOLUMES, root, { status: { phase: 'ImportInProgress', progress } }, 'status')
    const broken = { type: 'Running', status: 'False', reason: 'Error', message: 'got 404' }
    plain.store.patch(DATA_VOLUMES, root, { status: { conditions: [broken] } }, 'status')
    expect(await last('start_failed')).toMatchObject({ reason: 'DataVolumeError: db-root: got 404' })
  })

  test('tells the Services that lead to a guest where they are watched, without a fact', async () => {
    const bridge = stack.use(await startBridge(at, log, { holds: HOLDS, resources: ['vm', 'vmi', 'service'] }))
    await vi.waitUntil(() => bridge.status() === 'synced', SOON)
    at.store.create(VMS, vmOf({ ...db, os: 'rhel9' }))
    await last('reachable')
    const spec = { type: 'NodePort', selector: { 'vm.kubevirt.io/name': 'db' }, ports: [{ port: 22, nodePort: 30022 }] }
    at.store.create(SERVICES, { metadata: { namespace: 'shop', name: 'db-ssh' }, spec })
    const record = async (): Promise<unknown> =>
      (await all(log, 'state.fleet')).findLast(({ key }) => key === 'prod-1/shop/db')?.value
    const ports = [{ name: '', protocol: 'TCP', port: 22, target: 22, node: 30022 }]
    await expect.poll(record, SOON).toMatchObject({ services: [{ name: 'db-ssh', type: 'NodePort', ports }] })
    await expect.poll(async () => (await told('db')).at(-1)?.fact, SOON).toBe('reachable')
  })

  test('of which only VMs and VMIs may be read loses nothing of them, and tells nothing else', async () => {
    for (const { plural } of [MIGRATIONS, SNAPSHOTS, RESTORES])
      at.server.faults.plant({ kind: 'forbidden' }, request => request?.plural === plural)
    at.server.faults.plant({ kind: 'absent' }, request => request?.plural === CLONES.plural)
    const bridge = stack.use(await startBridge(at, log, { holds: HOLDS, resources: RESOURCES }))
    await vi.waitUntil(() => bridge.status() === 'synced', SOON)
    at.store.create(VMS, vmOf({ ...db, os: 'rhel9' }))
    await last('reachable')
    at.store.create(SNAPSHOTS, {
      metadata: { ...db, name: 's' },
      spec: { source: { kind: 'VirtualMachine', name: 'db' } },
    })
    at.store.patch(VMS, db, { spec: { runStrategy: 'Halted' } })
    await last('stopped')
    expect([bridge.status(), (await told('db')).map(({ fact }) => fact)]).toEqual([
      'synced',
      ['created', 'started', 'reachable', 'stopped'],
    ])
  })
})

async function twice(fact: string): Promise<readonly VmEventData[]> {
  const found = async (): Promise<readonly VmEventData[]> => (await told('db')).filter(data => data.fact === fact)
  await expect.poll(async () => (await found()).length, SOON).toBe(2)
  return found()
}

test('plans are read 50 a page', async () => {
  const paths: string[] = []
  const stop = new AbortController()
  await using server = await startScripted((path, response) => {
    paths.push(path)
    response.end('{}')
  })
  await using client = clientOf(server.url)
  const watching = watchPlans({
    client,
    hub: 'hub',
    board: new ImportBoard(),
    signal: stop.signal,
    reflect: { backoff: BACKOFF },
  })
  await vi.waitUntil(() => paths.length > 0, SOON)
  stop.abort()
  await watching
  expect(paths[0]).toContain('limit=50')
})
