import { expect, test } from 'vitest'
import { faultsOf, topicSpecs } from '../../../src/log/kafka/topics.ts'
import { planOf } from './place.ts'

const specs = topicSpecs(planOf('vb', 3, 12))
const [events] = specs
const state = specs.find(spec => spec.topic === 'vb.state.fleet')

/** A topic just as it has to be, but for these. */
function found(
  spec: typeof events,
  change: { partitions?: number; replicas?: number; settings?: Record<string, string> },
): Parameters<typeof faultsOf>[1] {
  const settings = new Map(spec?.settings.map(({ name, value }) => [name, value]))
  for (const [name, value] of Object.entries(change.settings ?? {})) settings.set(name, value)
  return { partitions: change.partitions ?? 12, replicas: change.replicas ?? 3, assignment: [], settings }
}

test('every stream has its topic', () => {
  expect(specs.map(spec => spec.topic)).toEqual([
    'vb.events.vm',
    'vb.events.cluster',
    'vb.events.day2',
    'vb.events.dead',
    'vb.commands',
    'vb.state.fleet',
    'vb.state.runs',
  ])
  for (const spec of specs) expect(faultsOf(spec, found(spec, {}))).toEqual([])
})

test.each([
  ['not there', events, undefined, ['vb.events.vm does not exist']],
  ['of other partitions', events, { partitions: 24 }, ['vb.events.vm has 24 partitions, not 12']],
  ['of too few replicas', events, { replicas: 1 }, ['vb.events.vm has 1 replica, not 3']],
  ['of more replicas', events, { replicas: 5 }, []],
  [
    'compacted where events are kept',
    events,
    { settings: { 'cleanup.policy': 'compact' } },
    ['vb.events.vm: cleanup.policy is compact and must be delete'],
  ],
  [
    'forgetful where state is kept',
    state,
    { settings: { 'cleanup.policy': 'compact,delete' } },
    ['vb.state.fleet: cleanup.policy is compact,delete and must be compact'],
  ],
  [
    'forgetful too soon',
    events,
    { settings: { 'retention.ms': '1000' } },
    ['vb.events.vm: retention.ms is 1000 and must be at least 604800000'],
  ],
  ['kept for longer', events, { settings: { 'retention.ms': '700000000' } }, []],
  ['kept for ever', events, { settings: { 'retention.ms': '-1' } }, []],
  [
    'never compacted',
    state,
    { settings: { 'segment.ms': '604800000' } },
    ['vb.state.fleet: segment.ms is 604800000 and must be at most 3600000'],
  ],
  [
    'acknowledged by one alone',
    events,
    { settings: { 'min.insync.replicas': '1' } },
    ['vb.events.vm: min.insync.replicas is 1 and must be at least 2'],
  ],
])('a topic that is %s', (_what, spec, change, faults) => {
  if (spec === undefined) throw new Error('no such topic')
  expect(faultsOf(spec, change === undefined ? undefined : found(spec, change))).toEqual(faults)
})
