import { describe, expect, test } from 'vitest'
import { ClusterFold } from '../../src/cluster/fold.ts'
import { CLUSTER, HOLDS } from '../vm/story.ts'
import { aVm, aVmi, Folding, listed, live, unavailable, watching } from './folding.ts'

const NAMES = Array.from({ length: 10 }, (_, index) => `vm-${index}`)

/** A cluster of VMs that run, all told. */
function running(count = NAMES.length): Folding {
  const folding = new Folding(false)
  const names = NAMES.slice(0, count)
  folding.take(listed('vm', ...names.map(name => aVm(name))), listed('vmi', ...names.map(name => aVmi(name))))
  folding.fold.adopt()
  folding.take(watching('vm'), watching('vmi'))
  folding.told.splice(0)
  folding.staged.splice(0)
  return folding
}

describe('until both VMs and VMIs were listed', () => {
  test.each([
    ['nothing but VMs', [listed('vm', aVm('a'))]],
    ['nothing but VMIs', [listed('vmi', aVmi('a'))]],
    ['VMs and live VMIs', [listed('vm', aVm('a')), live('changed', 'vmi', aVmi('a'))]],
    [
      'VMs that change and go',
      [
        listed('vm', aVm('a'), aVm('b')),
        live('changed', 'vm', aVm('a', { labels: { x: 'y' } })),
        live('gone', 'vm', aVm('b')),
      ],
    ],
    ['VMs, while VMIs are forbidden', [listed('vm', aVm('a')), unavailable('vmi', 'forbidden')]],
    ['VMs, while VMIs are not installed', [listed('vm', aVm('a')), unavailable('vmi', 'absent')]],
  ])('nothing is told of %s', (_, inbound) => {
    const folding = new Folding().take(...inbound)
    expect([folding.told, folding.fold.complete, folding.fold.missing]).toEqual([[], false, []])
  })

  test('what waits from before a restart is neither due nor told', () => {
    const folding = running().take(live('gone', 'vmi', aVmi('vm-0')))
    expect(folding.fold.nextDue()).toBe(folding.now + HOLDS.stopped)
    folding.restart().wait(HOLDS.stopped)
    expect([folding.fold.nextDue(), folding.told]).toEqual([null, []])
    folding.take(
      listed('vm', ...NAMES.map(name => aVm(name))),
      listed('vmi', ...NAMES.slice(1).map(name => aVmi(name))),
    )
    expect(folding.told).toEqual(['stopped vm-0'])
  })

  test('what waits over a restart goes on to wait when the lists are there before its time, and is told in its time', () => {
    const folding = running().take(live('gone', 'vmi', aVmi('vm-0')))
    const due = folding.now + HOLDS.stopped
    folding
      .restart()
      .take(listed('vm', ...NAMES.map(name => aVm(name))), listed('vmi', ...NAMES.slice(1).map(name => aVmi(name))))
    expect([folding.fold.nextDue(), folding.told]).toEqual([due, []])
    expect(folding.wait(HOLDS.stopped - 1).told).toEqual([])
    expect(folding.wait(1).told).toEqual(['stopped vm-0'])
  })

  test('what waits while VMs are listed anew is told when the list says so too, and not before', () => {
    const folding = running().take(live('gone', 'vmi', aVmi('vm-0')))
    folding.fold.lookAway('vm')
    expect([folding.wait(2 * HOLDS.stopped).told, folding.fold.nextDue()]).toEqual([[], null])
    folding.take(listed('vm', ...NAMES.map(name => aVm(name))))
    expect(folding.told).toEqual(['stopped vm-0'])
  })
})

describe('adoption', () => {
  test('what both lists have is discovered, what came between them too', () => {
    const folding = new Folding(false).take(
      listed('vm', aVm('a')),
      live('changed', 'vm', aVm('b')),
      listed('vmi', aVmi('a')),
    )
    expect(folding.told).toEqual(['discovered a', 'discovered b'])
    expect(folding.staged.flatMap(one => one.facts.map(fact => [fact.origin, fact.gap, fact.about.adopted]))).toEqual([
      ['bootstrap', false, true],
      ['bootstrap', false, true],
    ])
  })

  test('what comes after it is created', () => {
    const folding = running().take(live('changed', 'vm', aVm('new')))
    expect(folding.told).toEqual(['created new'])
    expect(folding.records.get('shop/new')?.adopted).toBe(false)
  })

  test('what comes while nobody looked is created too, and marked as found by a list', () => {
    const folding = running().restart()
    folding.take(
      listed('vm', aVm('new'), ...NAMES.map(name => aVm(name))),
      listed('vmi', ...NAMES.map(name => aVmi(name))),
    )
    expect(folding.told).toEqual(['created new'])
    expect(folding.staged[0]?.facts[0]).toMatchObject({ origin: 'sync', gap: true })
  })
})

describe('a list', () => {
  test('that says what is known stages nothing', () => {
    const folding = running().take(listed('vm', ...NAMES.map(name => aVm(name, { resourceVersion: '2' }))))
    expect(folding.staged).toEqual([])
  })

  test('that lacks a few means that they are gone', () => {
    const folding = running().take(listed('vm', ...NAMES.slice(5).map(name => aVm(name))))
    expect(folding.told).toEqual(NAMES.slice(0, 5).map(name => `deleted ${name}`))
    expect(folding.records.size).toBe(5)
  })

  test('that lacks too many is held: none of them is gone, and the others go on', () => {
    const folding = running().take(listed('vm', ...NAMES.slice(6).map(name => aVm(name, { labels: { x: 'y' } }))))
    expect(folding.told).toEqual(NAMES.slice(6).map(name => `labels_changed ${name}`))
    expect([folding.fold.held, folding.fold.missing.length, folding.records.size]).toEqual([true, 6, 10])
  })

  test('that has them again ends it without a word', () => {
    const folding = running().take(listed('vm'), listed('vm', ...NAMES.map(name => aVm(name))))
    expect([folding.fold.held, folding.told]).toEqual([false, []])
  })
})

describe('while VMs are held', () => {
  test('what befalls their VMIs tells nothing', () => {
    const folding = running().take(listed('vm'))
    folding.take(
      live('changed', 'vmi', aVmi('vm-1', { node: 'node-2' })),
      live('gone', 'vmi', aVmi('vm-2')),
      listed('vmi'),
    )
    expect([folding.told, folding.records.size]).toEqual([[], 10])
  })

  test('time alone does not tell that they are gone', () => {
    expect(running().take(listed('vm')).wait(HOLDS.unreachable).told).toEqual([])
  })

  test('a person who confirms is believed', () => {
    const folding = running()
      .take(listed('vm', aVm('vm-0')))
      .confirm()
    expect(folding.told).toEqual(NAMES.slice(1).map(name => `deleted ${name}`))
    expect([folding.fold.held, folding.records.size]).toEqual([false, 1])
  })

  test('one that comes back is no longer missing; a live word that one is gone is believed when it means that very one', () => {
    const folding = running().take(listed('vm'), live('changed', 'vm', aVm('vm-0')))
    expect([folding.told, folding.fold.missing.length]).toEqual([[], 9])
    folding.take(live('gone', 'vm', aVm('vm-1', { uid: 'another' })))
    expect(folding.told).toEqual([])
    folding.take(live('gone', 'vm', aVm('vm-1')))
    expect(folding.told).toEqual(['deleted vm-1'])
  })

  test('a confirmation before both were listed confirms nothing', () => {
    expect(running().restart().confirm().take(listed('vm'), listed('vmi')).told).toEqual([])
  })
})

describe('while VMIs can not be read', () => {
  test.each(['forbidden', 'absent'] as const)('(%s) nobody is stopped, and VMs go on', kind => {
    const folding = running().take(
      unavailable('vmi', kind),
      live('changed', 'vm', aVm('vm-0', { labels: { x: 'y' } })),
      live('gone', 'vm', aVm('vm-1')),
    )
    folding.wait(HOLDS.unreachable)
    expect(folding.told).toEqual(['labels_changed vm-0', 'deleted vm-1'])
  })

  test('and then can by the same watch, what happened meanwhile is told', () => {
    const folding = running().take(unavailable('vmi', 'forbidden'), live('changed', 'vm', aVm('new')))
    folding.take(watching('vmi'), live('changed', 'vmi', aVmi('vm-0', { uid: 'boot-2', agentConnected: false })))
    folding.take(live('changed', 'vmi', aVmi('new', { agentConnected: false })))
    expect(folding.told).toEqual(['created new', 'restarted vm-0', 'started new'])
  })

  test('and then can by a new list, what happened meanwhile is told', () => {
    const folding = running().take(
      unavailable('vmi', 'forbidden'),
      listed('vmi', aVmi('vm-0', { uid: 'boot-2', agentConnected: false }), ...NAMES.slice(1).map(name => aVmi(name))),
    )
    expect(folding.told).toEqual(['restarted vm-0'])
  })
})

describe('while a cluster can not be reached', () => {
  test.each(['vm', 'vmi'] as const)('(its %ss) nothing that waits is told, as nobody could have seen it end', of => {
    const folding = running()
      .take(live('gone', 'vmi', aVmi('vm-0')), unavailable(of, 'unreachable'))
      .wait(HOLDS.stopped)
    expect([folding.told, folding.fold.nextDue()]).toEqual([[], null])
    // A watch that is open again begins with what it missed, which may say otherwise.
    expect(folding.take(watching(of)).wait(999).told).toEqual([])
    expect(folding.wait(1).told).toEqual(['stopped vm-0'])
  })

  test.each(['forbidden', 'unreachable', 'server'] as const)(
    'nor is it when something else of the VM is seen meanwhile (VMIs %s)',
    kind => {
      const folding = running().take(live('gone', 'vmi', aVmi('vm-0')), unavailable('vmi', kind))
      folding.now += HOLDS.stopped
      folding.take(live('changed', 'vm', aVm('vm-0', { labels: { x: 'y' } })))
      expect(folding.told).toEqual(['labels_changed vm-0'])
      folding.take(watching('vmi'), live('changed', 'vmi', aVmi('vm-0', { uid: 'boot-2', agentConnected: false })))
      expect(folding.wait(HOLDS.stopped).told).toEqual(['labels_changed vm-0', 'restarted vm-0'])
    },
  )

  test('nor when it is looked at again and what it missed comes: one watch is before the other', () => {
    const away = [unavailable('vm', 'unreachable'), unavailable('vmi', 'unreachable')]
    const folding = running()
    folding.take(live('gone', 'vmi', aVmi('vm-0')), live('changed', 'vmi', aVmi('vm-1', { agentConnected: false })))
    folding.take(...away)
    folding.now += HOLDS.unreachable
    const labels = { x: 'y' }
    folding.take(watching('vm'), watching('vmi'))
    folding.take(live('changed', 'vm', aVm('vm-0', { labels })), live('changed', 'vm', aVm('vm-1', { labels })))
    folding.take(live('changed', 'vmi', aVmi('vm-0', { uid: 'boot-2', agentConnected: false })))
    folding.take(live('changed', 'vmi', aVmi('vm-1'))).wait(1_000)
    expect(folding.told).toEqual(['labels_changed vm-0', 'labels_changed vm-1', 'restarted vm-0'])
  })
})

test('a watch that ends again and again holds up what waits for 10 s, and no longer', () => {
  const folding = running().take(live('gone', 'vmi', aVmi('vm-0')))
  folding.now += HOLDS.stopped
  const began = folding.now
  while (folding.told.length === 0) folding.take({ of: 'vm', observed: { kind: 'ended' } }, watching('vm')).wait(500)
  expect(folding.now - began).toBe(10_000)
})

describe('live deletions', () => {
  const gone = NAMES.map(name => live('gone', 'vm', aVm(name)))
  const bursts = (folding: Folding): boolean[] => folding.staged.flatMap(one => one.facts.map(fact => fact.burst))
  const expected = [false, false, false, false, false, true, true, true, true, true]

  test('in a burst are told at once and marked', () => {
    expect(bursts(running().take(...gone))).toEqual(expected)
  })

  test('of a burst wait for a person, and one more is other deletions', () => {
    const folding = running().take(...gone.slice(0, -1))
    const { burst } = folding.fold
    const marked = bursts(folding).filter(Boolean).length
    expect([burst?.count, burst?.names.length]).toEqual([marked, marked])
    folding.take(...gone.slice(-1))
    expect(folding.fold.burst?.digest).not.toBe(burst?.digest)
    folding.fold.endBurst()
    expect(folding.fold.burst).toBeNull()
  })

  test('of a burst from before a restart wait on, whatever else is seen', () => {
    const burst = { since: 1_000, count: 7, digest: 'seven', names: ['shop/gone'] }
    const fold = new ClusterFold({ cluster: CLUSTER, holds: HOLDS, adopted: true, records: new Map(), burst })
    for (const inbound of [listed('vm', aVm('a')), listed('vmi'), live('changed', 'vm', aVm('b'))])
      for (const one of fold.fold(inbound, 2_000)) if (one !== null) fold.commit(one)
    expect(fold.burst).toEqual(burst)
  })

  test('are a burst also when they come in one append', () => {
    expect(bursts(running().takeTogether(...gone))).toEqual(expected)
    const few = running(3).takeTogether(...gone.slice(0, 3))
    expect(bursts(few)).toEqual([false, false, true])
  })

  test('that come late, about an incarnation that was replaced, neither tell nor count', () => {
    const late = NAMES.slice(1).map(name => live('gone', 'vm', aVm(name, { uid: 'older' })))
    const folding = running().take(...late, live('gone', 'vm', aVm('vm-0')))
    expect([folding.told, bursts(folding)]).toEqual([['deleted vm-0'], [false]])
  })
})

test.each([
  ['an annotation', 'annotations', 'annotations'],
  ['a label beyond those that are kept', 'namedLabels', 'named_labels'],
] as const)('%s that was named is stored when it changes, and no fact is told of it', (_what, part, field) => {
  const folding = new Folding(false).take(listed('vm', aVm('a', { [part]: { owner: 'x' } })), listed('vmi', aVmi('a')))
  folding.fold.adopt()
  folding.take(watching('vm'), watching('vmi'))
  folding.told.splice(0)
  const changed = aVm('a', { [part]: { owner: 'y' } })
  folding.take(live('changed', 'vm', changed))
  expect(folding.told).toEqual([])
  expect([...folding.records.values()].map(({ seen }) => seen[field])).toEqual([{ owner: 'y' }])
  // A watch that is told to keep no more of them says nothing of them.
  folding.take(live('changed', 'vm', aVm('a')))
  expect([...folding.records.values()].map(({ seen }) => seen[field])).toEqual([undefined])
})

test('a named label that is taken away while VMIs can not be read does not stay', () => {
  const folding = running(1).take(live('changed', 'vm', aVm('vm-0', { namedLabels: { owner: 'x' } })))
  folding.take(unavailable('vmi', 'forbidden'), live('changed', 'vm', aVm('vm-0')))
  expect([...folding.records.values()].map(({ seen }) => seen.named_labels)).toEqual([undefined])
})
