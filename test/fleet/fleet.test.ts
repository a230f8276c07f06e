import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fleet, type FleetChange, followFleet, loadFleet } from '../../src/fleet/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { vmKey, type VmRecord } from '../../src/vm/index.ts'
import { openLog } from '../cluster/bridge.ts'
import { cluster, guest } from '../day2/guest.ts'
import { SOON } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'

const entry = (record: VmRecord) => ({ key: vmKey(record), value: record })

describe('the view of the fleet', () => {
  test('knows VMs by key and by the name Ansible has for them, and clusters by name', () => {
    const fleet = new Fleet()
    const dotted = guest('a.b')
    for (const one of [entry(dotted), { key: 'prod-1', value: cluster() }]) fleet.apply(one)
    expect([fleet.vms.size, fleet.byHost('a.b.shop.prod-1'), fleet.clusters.get('prod-1')?.status]).toEqual([
      1,
      dotted,
      'synced',
    ])
    expect(fleet.byHost('b.shop.prod-1')).toBeUndefined()
  })

  test('forgets a VM with its tombstone, and one it never knew too', () => {
    const fleet = new Fleet()
    const web = guest('web-1')
    fleet.apply(entry(web))
    for (const key of [vmKey(web), 'prod-1/shop/never']) fleet.apply({ key, value: null })
    expect([fleet.vms.size, fleet.byHost('web-1.shop.prod-1')]).toEqual([0, undefined])
  })

  test('remembers ten thousand that were deleted, each until its name is taken again', () => {
    const fleet = new Fleet()
    const [first, ...others] = Array.from({ length: 10_001 }, (_, n) => guest(`web-${n}`, { uid: `uid-${n}` }))
    const leave = (record: VmRecord): void => {
      fleet.apply(entry(record))
      fleet.apply({ key: vmKey(record), value: null })
    }
    if (first !== undefined) leave(first)
    expect([fleet.gone('web-0.shop.prod-1'), fleet.gone('web-1.shop.prod-1')]).toEqual(['uid-0', ''])
    for (const record of others) leave(record)
    expect([fleet.gone('web-0.shop.prod-1'), fleet.gone('web-1.shop.prod-1')]).toEqual(['', 'uid-1'])
    fleet.apply(entry(guest('web-1', { uid: 'anew' })))
    expect(fleet.gone('web-1.shop.prod-1')).toBe('')
  })

  test('a VM made anew under its name is the one of that name', () => {
    const fleet = new Fleet()
    const [old, made] = [guest('web-1'), guest('web-1', { uid: 'anew' })]
    fleet.apply(entry(old))
    fleet.apply({ key: vmKey(old), value: null })
    fleet.apply(entry(made))
    expect(fleet.byHost('web-1.shop.prod-1')?.uid).toBe('anew')
  })

  test('the same entry twice changes nothing', () => {
    const fleet = new Fleet()
    const web = guest('web-1')
    fleet.apply(entry(web))
    fleet.apply(entry(web))
    expect([...fleet.vms.keys()]).toEqual(['prod-1/shop/web-1'])
  })

  test('tells each change in order, before and after, until nobody wants to hear it', () => {
    const fleet = new Fleet()
    const heard: FleetChange[] = []
    const end = fleet.subscribe(change => heard.push(change))
    const [before, after] = [guest('web-1'), guest('web-1', { seen: { node: 'n2' } })]
    fleet.apply(entry(before))
    fleet.apply(entry(after))
    fleet.apply({ key: 'prod-1', value: cluster() })
    end()
    fleet.apply({ key: vmKey(after), value: null })
    const key = vmKey(before)
    expect(heard).toEqual([
      { kind: 'vm', key, before: null, after: before },
      { kind: 'vm', key, before, after },
      { kind: 'cluster', name: 'prod-1', after: cluster() },
    ])
  })
})

describe('over a log', () => {
  let stack: AsyncDisposableStack
  let log: EventLog
  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    log = stack.use(await openLog(stack.use(await temporaryFolder()).path))
  })
  afterEach(() => stack.disposeAsync())

  const write = (...records: readonly VmRecord[]): Promise<unknown> =>
    log.append(records.map(record => ({ stream: 'state.fleet', ...entry(record) })))

  test('is what the log says now, without what is gone, and then keeps up with it', async () => {
    await write(guest('a'), guest('b'))
    await log.append([{ stream: 'state.fleet', key: vmKey(guest('a')), value: null }])
    const { fleet, position } = await loadFleet(log)
    expect([...fleet.vms.keys()]).toEqual(['prod-1/shop/b'])
    await write(guest('missed-by-nobody'))
    const over = new AbortController()
    const following = followFleet(fleet, log, position, over.signal)
    await write(guest('c'))
    await expect
      .poll(() => [...fleet.vms.values()].map(record => record.name), SOON)
      .toEqual(['b', 'missed-by-nobody', 'c'])
    over.abort()
    await following
  })

  test('what comes while it is loaded is not missed', async () => {
    await write(...Array.from({ length: 50 }, (_, index) => guest(`vm-${index}`)))
    const writing = write(guest('late'))
    const { fleet, position } = await loadFleet(log)
    await writing
    const over = new AbortController()
    const following = followFleet(fleet, log, position, over.signal)
    await expect.poll(() => fleet.vms.size, SOON).toBe(51)
    over.abort()
    await following
  })
})
