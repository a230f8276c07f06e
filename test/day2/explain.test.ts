import { describe, expect, test } from 'vitest'
import { explain, Ledger, newRun, type Policy } from '../../src/day2/index.ts'
import { planned } from '../../src/day2/record.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { cluster, guest, type GuestWish, hostOf, meant, POLICY, uuid } from './guest.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

function explained(
  wish: GuestWish,
  more: { policy?: Policy | null; held?: boolean; known?: boolean; rival?: string } = {},
) {
  const record = guest('web-1', wish)
  const fleet = new Fleet()
  if (more.known !== false) fleet.apply({ key: 'prod-1', value: { ...cluster(), reason: 'all is well' } })
  fleet.apply({ key: vmKey(record), value: record })
  const ledger = new Ledger()
  if (more.held === true) {
    const run = newRun(
      { id: uuid(1), verb: 'onboard', template: 'T', askedBy: 'ops', reason: '', hosts: [meant(record)] },
      NOW,
    )
    for (const entry of planned(run, ledger, NOW)) ledger.apply(entry)
  }
  const policy = more.policy === undefined ? POLICY : more.policy
  const { rival = '' } = more
  return explain(record, { host: hostOf('web-1'), fleet, ledger, policy, staleness: 'fresh', rival }, NOW)
}

describe('a VM is explained from what is recorded', () => {
  test('when it is due', () => {
    expect(explained({})).toEqual({
      host: hostOf('web-1'),
      uid: 'uid-web-1',
      cluster: { name: 'prod-1', status: 'synced', reason: 'all is well', staleness: 'fresh' },
      known_since: '2026-11-21T00:00:00.000Z',
      adopted: false,
      inventory: { enabled: true, because: 'it runs, its agent answers and it has an address' },
      launch: { possible: true, because: 'ready, and no run holds it' },
      onboard: { due: true, because: 'it is news, and reachable' },
      profile: null,
      verbs: [],
      waiting: [],
      last_event: 'event-of-uid-web-1',
    })
  })

  test.each<[string, GuestWish, Parameters<typeof explained>[1], object]>([
    [
      'adopted',
      { adopted: true },
      {},
      {
        adopted: true,
        launch: { possible: true },
        onboard: { due: false, because: 'it was there before its cluster was adopted' },
      },
    ],
    [
      'at an address to which another has the better claim',
      {},
      { rival: 'db-1.shop.prod-1' },
      {
        inventory: { enabled: false, because: 'conflicting address' },
        launch: { possible: false, because: 'db-1.shop.prod-1 has the better claim to its address' },
      },
    ],
    [
      'stopped',
      { seen: { boot: '', phase: '' } },
      {},
      {
        inventory: { enabled: false, because: 'stopped' },
        launch: { possible: false, because: 'not ready: stopped' },
        onboard: { due: false, because: 'not ready: stopped' },
      },
    ],
    [
      'held by a run',
      {},
      { held: true },
      {
        launch: { possible: false, because: `run ${uuid(1)} holds it` },
        onboard: { due: false, because: 'this incarnation was onboarded once: running' },
        verbs: [{ verb: 'onboard', status: 'running', asked_by: 'ops' }],
      },
    ],
    ['without a controller', {}, { policy: null }, { onboard: { due: false, because: 'no controller is configured' } }],
    [
      'of a cluster nobody heard of',
      {},
      { known: false },
      { cluster: { status: 'unknown' }, launch: { possible: false, because: 'its cluster is unknown' } },
    ],
  ])('when it is %s', (_, wish, more, expected) => {
    expect(explained(wish, more)).toMatchObject(expected)
  })
})
