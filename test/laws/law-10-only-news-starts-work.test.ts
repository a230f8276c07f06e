import { describe, expect, test } from 'vitest'
import { Ledger, plan, type Policy } from '../../src/day2/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { dying, openLog, startBridge } from '../cluster/bridge.ts'
import { cluster, guest, POLICY } from '../day2/guest.ts'
import { SOON, startWorld } from '../kube/world.ts'
import { temporaryFolder } from '../support/bridge.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

/** Host names on which something starts by itself. */
function starts(records: Iterable<VmRecord>, policy: Partial<Policy> = {}): readonly string[] {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: cluster() })
  for (const record of records) fleet.apply({ key: vmKey(record), value: record })
  const world = { fleet, ledger: new Ledger(), waitingSince: new Map<string, number>() }
  const decisions = plan(world, { ...POLICY, coalesceMs: 0, ...policy }, NOW)
  return decisions.flatMap(decision => (decision.kind === 'start' ? decision.hosts.map(host => host.host) : [])).sort()
}

describe('Only news starts work.', () => {
  test('a VM that was there when its cluster was adopted starts nothing, however ready it is; one that came after does', () => {
    expect(starts([guest('old', { adopted: true }), guest('new')])).toEqual(['new.shop.prod-1'])
  })

  test('what is found at the adoption of a cluster is bootstrap and adopted, also when the adoption is interrupted and goes on', async () => {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const at = stack.use(await startWorld())
    const log = stack.use(await openLog(folder.path))
    for (let index = 0; index < 300; index += 1) at.addVm(`vm-${index}`)
    at.boot('vm-0')
    let appends = 0
    const when = (entries: readonly { stream: string }[]): boolean =>
      entries.some(entry => entry.stream === 'events.vm') && (appends += 1) === 2
    const killed = stack.use(await startBridge(at, dying(log, { when, durable: false })))
    await expect(killed.done).rejects.toMatchObject({ reaction: 'fatal' })
    const half = (await killed.facts()).length
    expect(half).toBeGreaterThan(0)
    expect(half).toBeLessThan(300)

    const bridge = stack.use(await startBridge(at, log))
    await expect.poll(() => bridge.status(), SOON).toBe('synced')
    const events = await bridge.vmEvents()
    expect(
      events.map(event => `${event.data.fact} ${event.data.origin}`).filter(said => said !== 'discovered bootstrap'),
    ).toEqual([])
    expect(events).toHaveLength(300)
    const records: VmRecord[] = []
    for await (const { key, value } of log.latest('state.fleet')) if (key.includes('/')) records.push(value as VmRecord)
    expect(records.map(record => record.adopted)).toEqual(Array(300).fill(true))
    expect(starts(records)).toEqual([])
  })

  test('work that starts itself is braked: no more hosts in a window than the policy says, whatever the flood', () => {
    const flood = Array.from({ length: 200 }, (_, index) => guest(`vm-${index}`))
    expect(starts(flood, { brake: { hosts: 7, perMs: 600_000 }, maxHosts: 3 })).toHaveLength(7)
  })
})
