import { describe, expect, test } from 'vitest'
import type { Inbound } from '../../src/cluster/resources.ts'
import type { VmiPart, VmPart } from '../../src/vm/index.ts'
import { aVm, aVmi, Folding, listed, live, watching } from './folding.ts'

function audited(of: 'vm' | 'vmi', ...parts: readonly (VmPart | VmiPart)[]): Inbound {
  return { of, observed: { kind: 'audited', objects: new Map(parts.map(part => [part.key, part])) } } as Inbound
}

const NAMES = ['vm-0', 'vm-1', 'vm-2', 'vm-3']

/** A cluster of four running VMs, as adopted. */
function running(): Folding {
  const folding = new Folding(false).take(
    listed('vm', ...NAMES.map(name => aVm(name))),
    listed('vmi', ...NAMES.map(name => aVmi(name))),
  )
  folding.fold.adopt()
  folding.take(watching('vm'), watching('vmi')).wait(1_000)
  folding.told.length = 0
  folding.staged.length = 0
  return folding
}

describe('an audit', () => {
  test('that finds what is known changes nothing', () => {
    const folding = running().take(
      audited('vm', ...NAMES.map(name => aVm(name))),
      audited('vmi', ...NAMES.map(name => aVmi(name))),
    )
    expect([folding.told, folding.staged]).toEqual([[], []])
  })

  test('finds what a watch lost: who is gone, who is new, who changed; each told as an audit, with a gap', () => {
    const folding = running().take(
      audited(
        'vm',
        aVm('vm-0'),
        aVm('vm-1', { labels: { x: 'y' }, resourceVersion: '99' }),
        aVm('vm-2', { uid: 'another' }),
        aVm('vm-4'),
      ),
    )
    expect([...folding.told].sort()).toEqual([
      'created vm-2',
      'created vm-4',
      'deleted vm-2',
      'deleted vm-3',
      'labels_changed vm-1',
    ])
    const facts = folding.staged.flatMap(one => one.facts)
    expect(new Set(facts.map(({ origin, gap }) => `${origin} ${gap}`))).toEqual(new Set(['audit true']))
  })

  test('that says the same in another version finds nothing', () => {
    const folding = running().take(audited('vm', ...NAMES.map(name => aVm(name, { resourceVersion: '99' }))))
    expect(folding.staged).toEqual([])
  })

  test('infers nothing from the loss of very many', () => {
    const folding = running().take(audited('vm'))
    expect([folding.told, folding.fold.held]).toEqual([[], true])
  })

  test('does not tell what only waits: that is told in its time, as what it is', () => {
    const folding = running().take(live('gone', 'vmi', aVmi('vm-0')))
    folding.take(
      audited('vm', ...NAMES.map(name => aVm(name))),
      audited('vmi', ...NAMES.slice(1).map(name => aVmi(name))),
    )
    expect(folding.told).toEqual([])
    folding.wait(60_000)
    expect(folding.told).toEqual(['stopped vm-0'])
    expect(folding.staged.at(-1)?.facts[0]?.origin).toBe('live')
  })
})
