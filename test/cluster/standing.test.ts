import { describe, expect, test } from 'vitest'
import { hubStanding } from '../../src/cluster/hub-standing.ts'
import { type Missing, missingOf } from '../../src/cluster/missing.ts'
import { type ClusterRecord, newCluster, notReadYet, outOfScope, sameAs } from '../../src/cluster/record.ts'
import { settled, type Sight, unavailable } from '../../src/cluster/standing.ts'
import { KubeError } from '../../src/kube/index.ts'

const NOW = 1_000
const never: ClusterRecord = { ...newCluster('prod-1', ''), uid: 'u' }
const known = (status: ClusterRecord['status']): ClusterRecord => ({ ...never, adopted_at: 1, status })
const lacking = (count: number): Missing =>
  missingOf(Array.from({ length: count }, (_, index) => [`shop/vm-${index}`, `uid-${index}`]))
const seen = (more: Partial<Sight> = {}): Sight => ({
  watched: true,
  listed: true,
  vms: 9,
  held: null,
  word: '',
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
      sight: seen({ held: lacking(9) }),
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
    expect(settled(known('synced'), seen({ held: lacking(7) }), NOW)?.record).toMatchObject({
      missing: 7,
      reason: '7 of 9 VMs are missing from its list: more than is believed without asking',
      hint: expect.stringContaining('virtbridge confirm-deletions prod-1') as string,
    })
  })
})

describe('the VMs that are missing', () => {
  const digestOf = (was: ClusterRecord, held: Missing, now = NOW): string =>
    settled(was, seen({ held }), now)?.record.missing_digest ?? ''
  const since = settled(known('synced'), seen({ held: lacking(3) }), NOW)?.record ?? never

  test('are told apart from others by their digest, in whatever order they come', () => {
    const digest = digestOf(known('synced'), lacking(3))
    expect(digest).toMatch(/^[0-9a-f]{16}$/)
    const turned = missingOf(Array.from({ length: 3 }, (_, i) => [`shop/vm-${2 - i}`, `uid-${2 - i}`] as const))
    expect(digestOf(known('synced'), turned)).toBe(digest)
    expect(digestOf(known('synced'), lacking(4))).not.toBe(digest)
    const anew = missingOf([0, 1, 2].map(index => [`shop/vm-${index}`, `uid-of-another-${index}`]))
    expect(digestOf(known('synced'), anew)).not.toBe(digest)
  })

  test('have the same digest as long as the hold lasts, a restart included, and another one in the next', () => {
    expect(since).toMatchObject({ held_since: NOW, missing: 3, missing_names: ['shop/vm-0', 'shop/vm-1', 'shop/vm-2'] })
    expect(digestOf(since, lacking(3), 2 * NOW)).toBe(since.missing_digest)
    expect(digestOf(notReadYet(since), lacking(3), 3 * NOW)).toBe(since.missing_digest)
    const over = settled(since, seen(), 2 * NOW)?.record ?? never
    expect(over).toMatchObject({ held_since: 0, missing: 0, missing_digest: '', missing_names: [] })
    expect(digestOf(over, lacking(3), 3 * NOW)).not.toBe(since.missing_digest)
  })

  test('are named up to a hundred, and all are counted', () => {
    const record = settled(known('synced'), seen({ held: lacking(250) }), NOW)?.record
    expect([record?.missing_names.length, record?.missing]).toEqual([100, 250])
  })
})

describe('a cluster that can not be read', () => {
  const error = new KubeError('unreachable', 'no route')
  const refused = new KubeError('forbidden', 'no route')

  test.each([
    {
      title: 'is told as unreachable when nothing answers',
      was: known('synced'),
      status: 'unavailable',
      fact: 'unreachable',
    },
    {
      title: 'is told as unavailable when its hub says that its API server is ill',
      was: known('synced'),
      word: 'ill',
      status: 'unavailable',
      fact: 'unavailable',
    },
    {
      title: 'is told as unreachable when its hub has not heard of it either',
      was: known('synced'),
      word: 'silent',
      status: 'unavailable',
      fact: 'unreachable',
    },
    {
      title: 'is told as unavailable when it answers and refuses',
      was: known('synced'),
      error: refused,
      status: 'unavailable',
      fact: 'unavailable',
    },
    { title: 'is not told of when it was never read', was: never, status: 'joining', fact: null },
    {
      title: 'is not told of twice for another reason',
      was: known('unavailable'),
      error: refused,
      status: 'unavailable',
      fact: null,
    },
  ] as const)('$title', row => {
    const [failure, word] = ['error' in row ? row.error : error, 'word' in row ? row.word : ''] as const
    expect(unavailable(row.was, failure, word)).toMatchObject({
      record: { status: row.status, reason: 'no route', cause: failure.kind, hint: failure.hint, hub_says: word },
      fact: row.fact,
    })
  })

  test('changes nothing when that is known', () => {
    expect(unavailable({ ...known('unavailable'), reason: 'no route' }, error, 'silent')).toBeNull()
  })
})

describe('a cluster that left the selection', () => {
  test('is out of scope since then, however often that is said, and comes back as one that was not read since', () => {
    const left = outOfScope(known('synced'), 'its hub no longer selects it', NOW)
    expect(left).toMatchObject({ status: 'out_of_scope', left_at: NOW, adopted_at: 1, vms: 0 })
    expect(outOfScope(left, 'again', 2 * NOW).left_at).toBe(NOW)
    expect(settled(left, seen(), 2 * NOW)).toMatchObject({ record: { status: 'synced', left_at: 0 }, fact: 'resynced' })
  })

  test('that is the same as another one is parked, and says which', () => {
    expect(sameAs(never, 'prod-2', NOW)).toMatchObject({
      status: 'out_of_scope',
      reason: 'it is the same cluster as prod-2, which is watched already',
    })
  })
})

describe('a hub', () => {
  const hub: ClusterRecord = { ...newCluster('hub1', ''), kind: 'hub' }
  const read: ClusterRecord = { ...hub, adopted_at: 1, status: 'synced', reason: '' }
  const error = new KubeError('unreachable', 'no route')
  const well = { error: null, seen: true, unknown: '' }

  test.each([
    [
      'that was never read and can not be is joining',
      hub,
      { ...well, error, seen: false },
      { status: 'joining', reason: 'no route' },
    ],
    [
      'that was read and can not be is unavailable',
      read,
      { ...well, error, seen: false },
      { status: 'unavailable', cause: 'unreachable' },
    ],
    [
      'whose selection is not known is joining at first',
      hub,
      { ...well, unknown: 'no set' },
      { status: 'joining', reason: 'no set' },
    ],
    [
      'whose selection is known no more is unavailable',
      read,
      { ...well, unknown: 'no set' },
      { status: 'unavailable', cause: 'absent' },
    ],
    ['that was read as a whole is synced from then on', hub, well, { status: 'synced', reason: '', adopted_at: NOW }],
    [
      'that can be read again is synced',
      { ...read, status: 'unavailable', reason: 'x' },
      well,
      { status: 'synced', adopted_at: 1 },
    ],
  ] as const)('%s', (_, was, sight, becomes) => {
    expect(hubStanding(was, sight, NOW)).toMatchObject(becomes)
  })

  test.each([
    ['not all of it is listed', hub, { ...well, seen: false }],
    ['it is synced already', read, well],
    ['that is known', { ...read, status: 'unavailable', reason: 'no route' }, { ...well, error, seen: false }],
  ] as const)('stays as it is while %s', (_, was, sight) => {
    expect(hubStanding(was, sight, NOW)).toBeNull()
  })
})
