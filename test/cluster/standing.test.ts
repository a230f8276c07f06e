import { describe, expect, test } from 'vitest'
import { newCluster } from '../../src/cluster/index.ts'
import type { ClusterRecord } from '../../src/cluster/record.ts'
import { settled, type Sight, unavailable } from '../../src/cluster/standing.ts'
import { KubeError } from '../../src/kube/index.ts'

const NOW = 1_000
const never: ClusterRecord = { ...newCluster('prod-1', ''), uid: 'u' }
const known = (status: ClusterRecord['status']): ClusterRecord => ({ ...never, adopted_at: 1, status })
const seen = (more: Partial<Sight> = {}): Sight => ({
  watched: true,
  listed: true,
  vms: 9,
  missing: 0,
  held: false,
  ...more,
})

describe('a cluster whose VMs and VMIs have both been listed', () => {
  test.each([
    { title: 'joins when it was never adopted', was: never, sight: seen(), status: 'synced', fact: 'joined' },
    {
      title: 'is available again when both are watched',
      was: known('unavailable'),
      sight: seen(),
      status: 'synced',
      fact: 'available',
    },
    { title: 'is resynced by a new list', was: known('synced'), sight: seen(), status: 'synced', fact: 'resynced' },
    {
      title: 'is resynced by the first list after a start',
      was: known('joining'),
      sight: seen(),
      status: 'synced',
      fact: 'resynced',
    },
    {
      title: 'comes back into scope with a list',
      was: known('out_of_scope'),
      sight: seen(),
      status: 'synced',
      fact: 'resynced',
    },
    {
      title: 'is held when too many are missing, whatever it was',
      was: known('synced'),
      sight: seen({ held: true, missing: 9 }),
      status: 'held',
      fact: null,
    },
    {
      title: 'is synced without a word when nothing is held any more',
      was: known('held'),
      sight: seen(),
      status: 'synced',
      fact: null,
    },
    {
      title: 'is synced without a word when both are watched',
      was: known('joining'),
      sight: seen({ listed: false }),
      status: 'synced',
      fact: null,
    },
  ] as const)('$title', ({ was, sight, status, fact }) => {
    expect(settled(was, sight, NOW)).toMatchObject({ record: { status, heartbeat: NOW, vms: 9 }, fact })
  })

  test.each([
    {
      title: 'stays unavailable while one of the two does not answer',
      was: known('unavailable'),
      sight: seen({ watched: false }),
    },
    {
      title: 'stays as it is when a watch of a synced one opens',
      was: known('synced'),
      sight: seen({ listed: false }),
    },
  ])('$title', ({ was, sight }) => {
    expect(settled(was, sight, NOW)).toBeNull()
  })

  test('says how many are missing, and what a person can do', () => {
    expect(settled(known('synced'), seen({ held: true, missing: 7 }), NOW)?.record).toMatchObject({
      missing: 7,
      reason: '7 of 9 VMs are missing from its list: more than is believed without asking',
      hint: expect.stringContaining('virtbridge cluster confirm prod-1') as string,
    })
  })
})

describe('a cluster that can not be read', () => {
  const error = new KubeError('unreachable', 'no route')

  test.each([
    {
      title: 'is told as unreachable when it was read before',
      was: known('synced'),
      status: 'unavailable',
      fact: 'unreachable',
    },
    { title: 'is not told of when it was never read', was: never, status: 'joining', fact: null },
    { title: 'is not told of twice for another reason', was: known('unavailable'), status: 'unavailable', fact: null },
  ] as const)('$title', ({ was, status, fact }) => {
    expect(unavailable(was, error)).toMatchObject({
      record: { status, reason: 'no route', cause: 'unreachable' },
      fact,
    })
  })

  test('changes nothing when that is known', () => {
    expect(unavailable({ ...known('unavailable'), reason: 'no route' }, error)).toBeNull()
  })
})
