import { describe, expect, test } from 'vitest'
import { leavingEntries } from '../../src/cluster/index.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { aVm, aVmi, Folding, listed } from './folding.ts'

/** A cluster with so many VMs, the first of which runs. */
function cluster(count: number): Folding {
  const names = Array.from({ length: count }, (_, index) => `vm-${index}`)
  const folding = new Folding(false).take(listed('vm', ...names.map(name => aVm(name))), listed('vmi', aVmi('vm-0')))
  folding.fold.adopt()
  folding.told.splice(0)
  return folding
}

/** The cluster leaves, and what was to be appended is. */
function leave(folding: Folding): readonly VmEventData[] {
  const pages = [...leavingEntries(folding.records.values(), 'its hub no longer selects it', folding.now)]
  for (const record of pages.flatMap(({ left }) => left))
    folding.records.set(`${record.namespace}/${record.name}`, record)
  const events = pages.flatMap(({ entries }) => entries).filter(({ stream }) => stream === 'events.vm')
  return events.map(({ value }) => (value as Event<VmEventData>).data)
}

describe('a cluster that leaves the selection', () => {
  test('tells of each of its VMs that it is out of scope, once, and deletes none', () => {
    const folding = cluster(2)
    expect(leave(folding)).toMatchObject([
      { fact: 'out_of_scope', reason: 'its hub no longer selects it', vm: { name: 'vm-0' } },
      { fact: 'out_of_scope', vm: { name: 'vm-1' } },
    ])
    expect(leave(folding)).toEqual([])
    expect(folding.records.size).toBe(2)
  })

  test('tells, when it is back, which VMs are in scope again, then what changed meanwhile as a gap', () => {
    const folding = cluster(3)
    leave(folding)
    folding.restart().take(listed('vm', aVm('vm-0'), aVm('vm-1', { labels: { a: 'b' } })), listed('vmi', aVmi('vm-0')))
    expect(folding.told).toEqual(['deleted vm-2', 'discovered vm-0', 'discovered vm-1', 'labels_changed vm-1'])
    const facts = folding.staged.flatMap(one => one.facts)
    expect(facts.slice(-3).map(({ origin, gap }) => [origin, gap])).toEqual([
      ['sync', true],
      ['sync', true],
      ['sync', true],
    ])
    expect(leave(folding).map(({ fact }) => fact)).toEqual(['out_of_scope', 'out_of_scope'])
    expect(new Set(facts.map(({ id }) => id)).size).toBe(facts.length)
  })

  test('lets nothing that waits be told while it is away', () => {
    const folding = cluster(1)
    folding.take(listed('vmi'))
    expect((folding.records.get('shop/vm-0') as VmRecord).waiting).toHaveLength(1)
    leave(folding)
    expect(folding.wait(1e6).told).toEqual([])
  })

  test('is appended page by page, 200 VMs at a time, events before state', () => {
    const pages = [...leavingEntries(cluster(450).records.values(), 'gone', 0)]
    expect(pages.map(({ entries }) => entries.length)).toEqual([400, 400, 100])
    const streams = pages[0]?.entries.map(({ stream }) => stream) ?? []
    expect(streams.lastIndexOf('events.vm')).toBeLessThan(streams.indexOf('state.fleet'))
  })
})
