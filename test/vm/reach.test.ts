import { describe, expect, test } from 'vitest'
import { HOLDS, reachable, Story, vm, vmi } from './story.ts'

const up = 'created started reachable'
const agentless = vm({ labels: { 'virtbridge.io/agent': 'none' } })
const paused = (pausedBecause: string): ReturnType<typeof vmi> => vmi({ paused: true, pausedBecause })

const rows: readonly (readonly [string, () => Story, string])[] = [
  [
    'a guest that is paused and goes on is told twice, and stays reachable when that was short',
    () => reachable().look(vm(), paused('PausedByUser')).look(vm(), vmi()).wait(HOLDS.unreachable),
    `${up} paused unpaused`,
  ],
  [
    'the pause at the end of a migration is no fact',
    () => reachable().look(vm(), paused('PausedByMigrationMonitor')).look(vm(), vmi()),
    up,
  ],
  [
    'a pause that becomes that of a migration goes on',
    () =>
      reachable().look(vm(), paused('PausedByUser')).look(vm(), paused('PausedByMigrationMonitor')).look(vm(), vmi()),
    `${up} paused unpaused`,
  ],
  [
    'a stop ends a pause without a word, and a stopped VM keeps no pause',
    () =>
      reachable()
        .look(vm(), paused('PausedIOError'))
        .look(vm(), vmi({ phase: 'Succeeded', paused: true }))
        .wait(HOLDS.stopped)
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    `${up} paused stopped started`,
  ],
  [
    'a guest that is started paused is started, then paused',
    () => new Story().look(vm(), vmi({ paused: true, pausedBecause: 'PausedByUser' })),
    'created started paused',
  ],
  [
    'a guest that was adopted while it was paused is told when it goes on',
    () => new Story().look(vm(), paused('PausedByUser'), { adopting: true }).look(vm(), vmi()),
    'discovered unpaused',
  ],
  [
    'an agent that is away for a moment after a live migration is no fact',
    () =>
      reachable()
        .look(vm(), vmi({ node: 'node-2', agentConnected: false, migrated: { uid: 'm', from: '', to: '' } }))
        .wait(HOLDS.unreachable - 1)
        .look(vm(), vmi({ node: 'node-2', migrated: { uid: 'm', from: '', to: '' } }))
        .wait(HOLDS.unreachable),
    `${up} migrated`,
  ],
  [
    'a masquerade address that a live migration changes is told once it lasts, and is no restart',
    () =>
      reachable()
        .look(vm(), vmi({ node: 'node-2', address: '10.0.0.7', migrated: { uid: 'm', from: '', to: '' } }))
        .wait(HOLDS.address),
    `${up} migrated address_changed`,
  ],
  [
    'and not told when a migration back undoes it before',
    () =>
      reachable()
        .look(vm(), vmi({ node: 'node-2', address: '10.0.0.7', migrated: { uid: 'm', from: '', to: '' } }))
        .wait(HOLDS.address - 1)
        .look(vm(), vmi({ migrated: { uid: 'n', from: '', to: '' } }))
        .wait(HOLDS.address),
    `${up} migrated migrated`,
  ],
  [
    'a guest of which a person says that it has no agent is reachable by its address; an agent that comes and goes all the same is no fact',
    () =>
      new Story()
        .look(agentless, vmi({ agentConnected: false }))
        .wait(HOLDS.reachable)
        .look(agentless, vmi())
        .wait(HOLDS.unreachable)
        .look(agentless, vmi({ agentConnected: false }))
        .wait(HOLDS.unreachable),
    up,
  ],
  [
    'one of which nobody says so any more is unreachable, as it has no agent',
    () =>
      new Story()
        .look(agentless, vmi({ agentConnected: false }))
        .wait(HOLDS.reachable)
        .look(vm(), vmi({ agentConnected: false }))
        .wait(HOLDS.unreachable),
    `${up} labels_changed unreachable`,
  ],
  [
    'no other value of that label says so',
    () =>
      new Story()
        .look(vm({ labels: { 'virtbridge.io/agent': 'false' } }), vmi({ agentConnected: false }))
        .wait(HOLDS.reachable),
    'created started',
  ],
]

describe('whether a guest can be reached', () => {
  test.for(rows)('%s', ([, play, told]) => {
    expect(play().told.join(' ')).toBe(told)
  })

  test('a pause says why', () => {
    expect(reachable().look(vm(), paused('PausedIOError')).last).toMatchObject({
      reason: 'PausedIOError',
      transition: { from: 'Running', to: 'Paused' },
    })
  })

  test('who gave its address is known while its addresses are empty, also of one that somebody else gave it since', () => {
    const byAgent = { address: '10.0.0.1', network: 'lan', interface: 'eth0', source: 'agent', pod: false } as const
    const story = reachable()
    const source = (): unknown => story.record?.told.address_source
    story.look(vm(), vmi({ address: '' }))
    expect(source()).toBe('pod')
    story
      .look(vm(), vmi({ addresses: [byAgent] }))
      .look(vm(), vmi({ address: '' }))
      .look(vm(), vmi({ address: '' }))
    expect(source()).toBe('agent')
    story.look(vm(), vmi({ addresses: [{ ...byAgent, address: '10.0.0.2', source: 'platform' }] })).wait(HOLDS.address)
    expect(source()).toBe('platform')
  })
})
