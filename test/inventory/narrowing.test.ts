import { describe, expect, test } from 'vitest'
import { closedBecause } from '../../src/inventory/closed.ts'
import { clustersNamed, narrowed, partOf } from '../../src/inventory/narrowing.ts'
import { notTakenBecause, viewOfAll } from '../../src/inventory/view.ts'
import { newCluster } from '../../src/cluster/index.ts'
import { guest } from '../day2/guest.ts'

const ALL = viewOfAll('', { builtin: true, labels: [], maxPerLabel: 1 })
const PROD = { clusters: ['prod-1'], namespaces: [] as string[] }

describe('a part of a view', () => {
  test.each<[view: string[], within: string[], named: string[] | null]>([
    [[], [], null],
    [['a', 'b'], [], ['a', 'b']],
    [[], ['a'], ['a']],
    [['a', 'b'], ['b', 'c'], ['b']],
    [['a'], ['b'], []],
  ])('of the clusters %j within %j names %j: never more than either', (clusters, within, named) => {
    const view = narrowed({ ...ALL, clusters }, { clusters: within, namespaces: [] })
    expect(clustersNamed(view)).toEqual(named)
  })

  test('takes a VM that both take, and says why it takes another not', () => {
    const view = narrowed({ ...ALL, namespaces: ['shop', 'data'] }, { clusters: ['prod-1'], namespaces: ['shop', 'x'] })
    const why = (namespace: string, cluster = 'prod-1'): readonly string[] =>
      notTakenBecause(view, { ...guest('web-1', { cluster }), namespace }, {})
    expect(why('shop')).toEqual([])
    expect([why('data').length, why('x').length, why('shop', 'dev-1').length]).toEqual([1, 1, 1])
  })

  test('is closed by the clusters of it that were never read, also by one that is not known yet, and by no other', () => {
    const read = { ...newCluster('prod-1', ''), status: 'synced' as const, adopted_at: 1 }
    const sight = {
      clusters: new Map([['prod-1', read]]),
      expected: ['prod-1', 'dev-1'],
      stalenessOf: () => 'fresh' as const,
    }
    expect(closedBecause(ALL, sight)).toEqual({ because: 'unread', clusters: ['dev-1'] })
    expect(closedBecause(narrowed(ALL, PROD), sight)).toBeNull()
    expect(closedBecause(narrowed(ALL, { clusters: ['later-1'], namespaces: [] }), sight)).toEqual({
      because: 'unread',
      clusters: ['later-1'],
    })
  })

  test('is another one than the whole, the same for the same', () => {
    const parts = [ALL, narrowed(ALL, PROD), narrowed({ ...ALL, name: 'web' }, PROD), { ...ALL, name: 'web' }]
    expect(new Set(parts.map(partOf)).size).toBe(4)
    expect(partOf(narrowed(ALL, PROD))).toBe(partOf(narrowed(ALL, { ...PROD })))
  })
})
