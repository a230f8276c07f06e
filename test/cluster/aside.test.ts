import { describe, expect, test } from 'vitest'
import type { Inbound, Of, Parts } from '../../src/cluster/resources.ts'
import { KubeError } from '../../src/kube/index.ts'
import { type Deed, MAX_DEEDS, MAX_ENDED } from '../../src/vm/index.ts'
import { deed, HOLDS } from '../vm/story.ts'
import { aVm, aVmi, Folding, listed, live, unavailable, watching } from './folding.ts'

const snapshot = (uid: string, values: Partial<Deed> = {}): Deed => deed({ uid, vm: 'shop/a', ...values })
const claim = (uid: string): Parts['claim'] => ({ key: 'shop/web-1-root', uid })

function whole<O extends Of>(of: O, ...parts: readonly Parts[O][]): Inbound {
  const objects = new Map(parts.map(part => [part.key, part]))
  return { of, observed: { kind: 'listed', objects, resourceVersion: '1' } } as unknown as Inbound
}

function said<O extends Of>(kind: 'changed' | 'gone', of: O, object: Parts[O]): Inbound {
  return { of, observed: { kind, object } } as unknown as Inbound
}

/** A VM `a` that runs, in a cluster that was adopted long ago, and nothing optional read yet. */
function running(): Folding {
  const folding = new Folding(false).take(listed('vm', aVm('a'), aVm('b')), listed('vmi', aVmi('a')))
  folding.fold.adopt()
  folding.take(watching('vm'), watching('vmi')).told.splice(0)
  return folding
}

describe('what is not required', () => {
  test.each(['forbidden', 'absent', 'unreachable'] as const)(
    'may be %s: nothing breaks, nothing is told, and all else goes on',
    kind => {
      const folding = running()
      for (const of of ['migration', 'snapshot', 'restore', 'clone', 'claim'] as const)
        folding.take({ of, observed: { kind: 'unavailable', error: new KubeError(kind, kind) } })
      expect([folding.told, folding.fold.complete, folding.staged.length > 0]).toEqual([[], true, true])
      folding.take(live('gone', 'vmi', aVmi('a'))).wait(HOLDS.stopped)
      expect(folding.told).toEqual(['stopped a'])
    },
  )

  test('that can be read from now on brings no old fact, and then each new one', () => {
    const folding = running().take(whole('snapshot', snapshot('old')))
    folding.take(said('changed', 'snapshot', snapshot('new', { outcome: '' })))
    expect(folding.told).toEqual([])
    folding.take(said('changed', 'snapshot', snapshot('new')), said('changed', 'snapshot', snapshot('new')))
    folding.take(said('changed', 'snapshot', snapshot('first', { vm: 'shop/b', outcome: 'failed' })))
    expect(folding.told).toEqual(['snapshot_succeeded a', 'snapshot_failed b'])
  })

  test('that was read before a restart tells what ended meanwhile, as a gap, and nothing twice', () => {
    const folding = running()
      .take(whole('snapshot', snapshot('old')))
      .restart()
    folding.take(listed('vm', aVm('a'), aVm('b')), whole('snapshot', snapshot('old'), snapshot('new')))
    expect(folding.told).toEqual([])
    folding.take(listed('vmi', aVmi('a')))
    expect(folding.told).toEqual(['snapshot_succeeded a'])
    expect(folding.staged.flatMap(one => one.facts).at(-1)).toMatchObject({ origin: 'sync', gap: true })
    expect(folding.restart().take(listed('vm', aVm('a'), aVm('b')), listed('vmi', aVmi('a'))).told).toHaveLength(1)
  })

  test('of a VM that nobody knows yet waits for it', () => {
    const folding = running().take(whole('snapshot'), said('changed', 'snapshot', snapshot('early', { vm: 'shop/c' })))
    expect(folding.told).toEqual([])
    folding.take(live('changed', 'vm', aVm('c')))
    expect(folding.told).toEqual(['created c', 'snapshot_succeeded c'])
  })

  test('that is gone is forgotten, and that is no fact', () => {
    const folding = running().take(whole('snapshot'), said('changed', 'snapshot', snapshot('one')))
    folding.take(said('gone', 'snapshot', snapshot('one')))
    expect(folding.told).toEqual(['snapshot_succeeded a'])
    expect(Object.keys(folding.records.get('shop/a')?.heard?.snapshot?.ended ?? {})).toEqual([])
  })

  test('that ended in one gap is told, each of them up to 256 of one VM and kind, and none twice; a record remembers 32', () => {
    const ended = (count: number): readonly Deed[] =>
      Array.from({ length: count }, (_, index) => snapshot(`s-${index}`, { at: 10_000 + index }))
    for (const [count, told] of [
      [100, 100],
      [MAX_ENDED + 20, MAX_ENDED],
    ] as const) {
      const folding = running().take(whole('snapshot'), whole('snapshot', ...ended(count)))
      expect([folding.told.length, new Set(folding.staged.flatMap(one => one.facts.map(({ id }) => id))).size]).toEqual(
        [
          told,
          // And those by which its VMs were discovered.
          told + 2,
        ],
      )
      expect(folding.staged.flatMap(one => one.facts).at(-1)).toMatchObject({ gap: true })
      folding.take(whole('snapshot', ...ended(count)), said('changed', 'snapshot', snapshot('s-0', { at: 10_000 })))
      expect(folding.told).toHaveLength(told)
      expect(Object.keys(folding.records.get('shop/a')?.heard?.snapshot?.ended ?? {})).toHaveLength(MAX_DEEDS)
      folding.take(said('changed', 'snapshot', snapshot('next', { at: 20_000 })))
      expect(folding.told).toHaveLength(told + 1)
    }
  })

  test('a claim that can be read gives the disk its identity, and another one replaces it', () => {
    const folding = running().take(whole('claim', claim('claim-1')))
    expect(folding.told).toEqual([])
    folding.take(live('gone', 'vmi', aVmi('a'))).wait(HOLDS.stopped)
    folding.take(said('gone', 'claim', claim('claim-1')), said('changed', 'claim', claim('')))
    expect(folding.told).toEqual(['stopped a'])
    folding.take(said('changed', 'claim', claim('claim-2')))
    expect(folding.told).toEqual(['stopped a', 'root_disk_replaced a'])
  })

  test('a disk that is replaced while nobody looks is told, also when its claim is seen before the end of the boot', () => {
    const folding = running().take(whole('claim', claim('claim-1')))
    folding.take(unavailable('vm', 'unreachable'), unavailable('vmi', 'unreachable'))
    folding.now += HOLDS.unreachable
    folding.take(watching('claim'), said('gone', 'claim', claim('claim-1')), said('changed', 'claim', claim('claim-2')))
    folding.take(watching('vm'), watching('vmi'), live('gone', 'vmi', aVmi('a'))).wait(HOLDS.stopped)
    expect(folding.told).toEqual(['root_disk_replaced a', 'stopped a'])
  })

  test('a disk that was copied, and booted from, while nobody looked is no other: its VM says what it was copied from', () => {
    const folding = running()
      .take(whole('claim', claim('claim-1')))
      .restart()
    const copy = { key: 'shop/copy', uid: 'claim-2' }
    folding.take(
      listed('vm', aVm('a', { rootClaim: 'copy', copiedFrom: 'web-1-root' }), aVm('b')),
      listed('vmi', aVmi('a', { uid: 'boot-2', rootClaim: 'copy', agentConnected: false })),
      whole('claim', claim('claim-1'), copy),
    )
    expect(folding.told).toEqual(['restarted a'])
    // Its source is not needed any more; and the next one counts again.
    folding.take(said('gone', 'claim', claim('claim-1')), live('gone', 'vmi', aVmi('a', { uid: 'boot-2' })))
    folding.take(said('gone', 'claim', copy), said('changed', 'claim', { ...copy, uid: 'claim-3' }))
    expect(folding.told).toEqual(['restarted a', 'root_disk_replaced a'])
  })

  test('a disk that was replaced, and booted from, while nobody looked is told, though claims are read after boots', () => {
    const folding = running()
      .take(whole('claim', claim('claim-1')))
      .restart()
    const boot = aVmi('a', { uid: 'boot-2', rootClaim: 'restored', agentConnected: false })
    folding.take(listed('vm', aVm('a', { rootClaim: 'restored' }), aVm('b')), listed('vmi', boot))
    folding.take(watching('vm'), watching('vmi'))
    folding.take(whole('claim', claim('claim-1'), { key: 'shop/restored', uid: 'claim-2' })).wait(HOLDS.stopped)
    expect(folding.told).toEqual(['restarted a', 'root_disk_replaced a'])
  })

  test('a disk that is replaced while the watch of claims alone is away is told, though its boot is seen first', () => {
    const folding = running().take(whole('claim', claim('claim-1')))
    folding.take({ of: 'claim', observed: { kind: 'ended' } }, live('gone', 'vmi', aVmi('a'))).wait(HOLDS.stopped)
    folding.take(live('changed', 'vmi', aVmi('a', { uid: 'boot-2', agentConnected: false }))).told.splice(0)
    folding.take(watching('claim'), said('gone', 'claim', claim('claim-1')), said('changed', 'claim', claim('claim-2')))
    expect(folding.wait(HOLDS.stopped).told).toEqual(['root_disk_replaced a'])
  })

  test('a disk that is as it was when a VM booted unseen, and is copied while that boot goes on, is no other', () => {
    const folding = running()
      .take(whole('claim', claim('claim-1')))
      .restart()
    const boot = aVmi('a', { uid: 'boot-2', agentConnected: false })
    folding.take(listed('vm', aVm('a'), aVm('b')), listed('vmi', boot), watching('vm'), watching('vmi'))
    folding.take(whole('claim', claim('claim-1'))).told.splice(0)
    folding.take(said('changed', 'claim', { key: 'shop/copy', uid: 'claim-2' }))
    folding.take(live('changed', 'vmi', { ...boot, rootClaim: 'copy' })).wait(HOLDS.stopped)
    expect(folding.told).toEqual([])
  })

  test('while VMIs can not be read nobody knows which disk the boot has: none is told as replaced', () => {
    const folding = running().take(whole('claim', claim('claim-1')), live('gone', 'vmi', aVmi('a')))
    folding.wait(HOLDS.stopped).take(unavailable('vmi', 'forbidden'))
    // It boots, and gets another disk for its next boot.
    folding.take(said('changed', 'claim', { key: 'shop/restored', uid: 'claim-2' }))
    folding.take(live('changed', 'vm', aVm('a', { rootClaim: 'restored' })))
    folding.take(listed('vmi', aVmi('a', { uid: 'boot-2', agentConnected: false })))
    expect(folding.told).toEqual(['stopped a', 'started a'])
  })

  describe('while the watch of VMIs alone is cut, a VM that is down may have booted unseen', () => {
    const cut: Inbound = { of: 'vmi', observed: { kind: 'ended' } }
    const down = (): Folding => {
      const folding = running().take(whole('claim', claim('claim-1')), live('gone', 'vmi', aVmi('a')))
      folding.wait(HOLDS.stopped).take(cut).told.splice(0)
      const other = said('changed', 'claim', { key: 'shop/restored', uid: 'claim-2' })
      return folding.take(other, live('changed', 'vm', aVm('a', { rootClaim: 'restored' })))
    }

    test('from the disk that it had: what the VM says is of its next boot, and replaces nothing yet', () => {
      const folding = down().wait(HOLDS.stopped)
      expect(folding.told).toEqual([])
      folding.take(watching('vmi'), live('changed', 'vmi', aVmi('a', { uid: 'boot-2', agentConnected: false })))
      folding.wait(HOLDS.stopped)
      expect(folding.told).toEqual(['started a'])
      folding.take(live('gone', 'vmi', aVmi('a', { uid: 'boot-2' })))
      expect(folding.told).toEqual(['started a', 'root_disk_replaced a'])
    })

    test('from another: that is told when the boot is seen, with it', () => {
      const boot = aVmi('a', { uid: 'boot-2', rootClaim: 'restored', agentConnected: false })
      const folding = down().take(watching('vmi'), live('changed', 'vmi', boot))
      expect(folding.told).toEqual(['root_disk_replaced a', 'started a'])
      expect(folding.wait(HOLDS.stopped).told).toHaveLength(2)
    })

    test('or not at all: then its disk was replaced, which is told when the watch has brought nothing else', () => {
      const folding = down().take(watching('vmi'))
      expect(folding.told).toEqual([])
      folding.wait(1_000)
      expect(folding.told).toEqual(['root_disk_replaced a'])
      expect(folding.wait(HOLDS.stopped).told).toHaveLength(1)
    })

    test('and what a list of VMs says meanwhile keeps its mark of a gap', () => {
      const folding = running().take(whole('claim', claim('claim-1')), live('gone', 'vmi', aVmi('a')))
      folding.wait(HOLDS.stopped).take(cut).told.splice(0)
      folding.take(said('changed', 'claim', { key: 'shop/restored', uid: 'claim-2' }))
      folding.take(listed('vm', aVm('a', { rootClaim: 'restored' }), aVm('b')), watching('vmi')).wait(1_000)
      expect(folding.told).toEqual(['root_disk_replaced a'])
      expect(folding.staged.at(-1)?.facts[0]).toMatchObject({ origin: 'sync', gap: true })
    })
  })

  test('an audit of claims finds a disk whose identity a watch has lost, and tells it as that', () => {
    const folding = running().take(whole('claim', claim('claim-1')), live('gone', 'vmi', aVmi('a')))
    folding.wait(HOLDS.stopped).told.splice(0)
    const audited = (...uids: readonly string[]): Inbound => {
      const objects = new Map(uids.map(uid => ['shop/web-1-root', claim(uid)]))
      return { of: 'claim', observed: { kind: 'audited', objects } } as unknown as Inbound
    }
    expect(folding.take(audited('claim-1')).told).toEqual([])
    expect(folding.take(audited('claim-2')).told).toContain('root_disk_replaced a')
    expect(folding.staged.at(-1)?.facts[0]).toMatchObject({ origin: 'audit', gap: true })
  })

  test('what is about one VM comes one after the other, whatever it is about', () => {
    const folding = running()
    const about = [
      live('changed', 'vm', aVm('a')),
      live('changed', 'vmi', aVmi('a')),
      said('changed', 'snapshot', snapshot('one')),
      said('changed', 'claim', claim('claim-1')),
    ]
    expect(about.map(one => folding.fold.keyOf(one))).toEqual(Array(4).fill('shop/a'))
  })
})
