import { expect, test } from 'vitest'
import { ClusterFold } from '../../src/cluster/fold.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { CLUSTER, HOLDS } from '../vm/story.ts'
import { aVm, aVmi, listed, live } from './folding.ts'

const NOW = 1_700_000_000_000

/** A cluster some of whose records the log lost, adopted anew, when its VMs were listed; with what was told of each. */
function adoptAnew(records: Map<string, VmRecord>, lost: boolean): { fold: ClusterFold; told: readonly string[] } {
  const fold = new ClusterFold({ cluster: CLUSTER, holds: HOLDS, adopted: false, lost, records })
  const inbound = [listed('vm', aVm('a'), aVm('b', { labels: { x: 'y' } })), listed('vmi', aVmi('a'), aVmi('b'))]
  const staged = inbound.flatMap(one => [...fold.fold(one, NOW)]).filter(one => one !== null)
  for (const one of staged) fold.commit(one)
  return { fold, told: staged.flatMap(({ facts }) => facts.map(tell)) }
}

function tell({
  fact,
  about,
  origin,
  gap,
}: {
  fact: string
  about: { name: string }
  origin: string
  gap: boolean
}): string {
  return `${fact} ${about.name} ${origin}${gap ? ' gap' : ''}`
}

test('VMs that the log lost are discovered, with a gap; of those it still knows what changed is told, with a gap; none is news', () => {
  const before = new Map<string, VmRecord>()
  adoptAnew(before, false)
  const left = new Map(
    [...before]
      .filter(([key]) => key.endsWith('/b'))
      .map(([key, record]) => [key, { ...record, seen: { ...record.seen, labels: {} } }]),
  )
  const { fold, told } = adoptAnew(left, true)
  expect([...told].sort()).toEqual(['discovered a bootstrap gap', 'labels_changed b sync gap'])
  expect(left.get('shop/a')).toMatchObject({ adopted: true })
  fold.adopt()
  const news = [...fold.fold(live('changed', 'vm', aVm('c')), NOW)]
  expect(news.flatMap(one => one?.facts.map(tell) ?? [])).toEqual(['created c live'])
})

test('a cluster that was never known has no gap before its beginning', () => {
  expect([...adoptAnew(new Map(), false).told].sort()).toEqual(['discovered a bootstrap', 'discovered b bootstrap'])
})
