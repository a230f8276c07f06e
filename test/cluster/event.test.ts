import { expect, test } from 'vitest'
import { clusterEvent } from '../../src/cluster/event.ts'
import { newCluster } from '../../src/cluster/record.ts'

const hub = { ...newCluster('hub1', ''), kind: 'hub', uid: 'h', last_event: 'before' } as const
const many = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `c-${index}`)

test('a change of what a hub selects names a hundred clusters at most, and counts them all', () => {
  const { data, source, subject } = clusterEvent(hub, 'placement_changed', 1, { added: many(250), removed: many(2) })
  expect([data.added.length, data.removed, data.message]).toEqual([100, ['c-0', 'c-1'], '250 came, 2 left'])
  expect([source, subject, data.cluster]).toEqual(['/hubs/hub1', 'hub1', { name: 'hub1', hub: 'hub1' }])
})

test('the next change is another fact, as the one before it is another', () => {
  const id = (last: string): string => clusterEvent({ ...hub, last_event: last }, 'placement_changed', 1).id
  expect(id('a')).toBe(id('a'))
  expect(id('a')).not.toBe(id('b'))
})
