import { describe, expect, test } from 'vitest'
import { HOLDS, reachable, Story, vm, vmi } from './story.ts'

const sync = { origin: 'sync', gap: true } as const
const HELD = HOLDS.stopped

interface Row {
  readonly title: string
  readonly play: () => Story
  readonly told: string
}

const up = 'created started reachable'
const rows: readonly Row[] = [
  {
    title: 'a VM of a cluster being adopted is discovered',
    play: () => new Story().look(vm(), null, { adopting: true }),
    told: 'discovered',
  },
  { title: 'a VM that appears is created', play: () => new Story().look(vm()), told: 'created' },
  { title: 'nothing, and still nothing, is no fact', play: () => new Story().look(null), told: '' },
  { title: 'a VM that is gone is deleted', play: () => new Story().look(vm()).look(null), told: 'created deleted' },
  {
    title: 'another uid under the name is the end of one and then the beginning of the other',
    play: () => new Story().look(vm()).look(vm({ uid: 'vm-2' })),
    told: 'created deleted created',
  },
  {
    title: 'other labels are labels_changed',
    play: () => new Story().look(vm()).look(vm({ labels: { app: 'web' } })),
    told: 'created labels_changed',
  },
  {
    title: 'a VMI that runs is a start',
    play: () => new Story().look(vm()).look(vm(), vmi({ agentConnected: false })),
    told: 'created started',
  },
  {
    title: 'a VMI that does not run yet is no start',
    play: () => new Story().look(vm()).look(vm(), vmi({ phase: 'Scheduling' })),
    told: 'created',
  },
  {
    title: 'another VMI that runs is a restart',
    play: () =>
      reachable()
        .look(vm())
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false }))
        .wait(HELD),
    told: `${up} restarted`,
  },
  {
    title: 'a restart that was not seen as two looks is a restart',
    play: () => reachable().look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    told: `${up} restarted`,
  },
  {
    title: 'no VMI is a stop only when it lasts',
    play: () =>
      reachable()
        .look(vm())
        .wait(HELD - 1),
    told: up,
  },
  { title: 'no VMI for long enough is a stop', play: () => reachable().look(vm()).wait(HELD), told: `${up} stopped` },
  {
    title: 'a boot slower than the hold-down is a stop and a start',
    play: () =>
      reachable()
        .look(vm(), vmi({ uid: 'boot-2', phase: 'Scheduling' }))
        .wait(HELD)
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    told: `${up} stopped started`,
  },
  {
    title: 'a final VMI stays, and is a stop',
    play: () =>
      reachable()
        .look(vm(), vmi({ phase: 'Succeeded' }))
        .wait(HELD),
    told: `${up} stopped`,
  },
  {
    title: 'a final VMI is frozen with its agent and address: neither makes it reachable',
    play: () => new Story().look(vm(), vmi({ phase: 'Failed' })).wait(HOLDS.reachable),
    told: 'created',
  },
  {
    title: 'a stop ends reachable without a word of its own, and a start does not bring it back',
    play: () =>
      reachable()
        .look(vm())
        .wait(HELD)
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false }))
        .wait(HOLDS.unreachable),
    told: `${up} stopped started`,
  },
  {
    title: 'after a restart it is reachable again only when it lasts',
    play: () =>
      reachable()
        .look(vm(), vmi({ uid: 'boot-2' }))
        .wait(HOLDS.reachable),
    told: `${up} restarted reachable`,
  },
  {
    title: 'a live migration is no restart: same boot, another node',
    play: () =>
      reachable()
        .look(vm(), vmi({ node: 'node-2', migrated: { uid: 'migration-1', from: 'node-1', to: 'node-2' } }))
        .wait(HELD),
    told: `${up} migrated`,
  },
  {
    title: 'a VMI that is first seen running on another node than it was scheduled on has not migrated',
    play: () => new Story().look(vm(), vmi({ phase: 'Scheduled' })).look(vm(), vmi({ node: 'node-2' })),
    told: 'created started',
  },
  {
    title: 'another node with another boot is a restart, no migration',
    play: () => reachable().look(vm(), vmi({ uid: 'boot-2', node: 'node-2', agentConnected: false })),
    told: `${up} restarted`,
  },
  {
    title: 'a node that is not known for a moment is no migration',
    play: () =>
      reachable()
        .look(vm(), vmi({ node: '' }))
        .look(vm(), vmi()),
    told: up,
  },
  {
    title: 'the agent is removed rather than False: its absence, when it lasts, is unreachable',
    play: () =>
      reachable()
        .look(vm(), vmi({ agentConnected: false }))
        .wait(HOLDS.unreachable),
    told: `${up} unreachable`,
  },
  {
    title: 'an agent that is away for a moment is no fact',
    play: () =>
      reachable()
        .look(vm(), vmi({ agentConnected: false }))
        .wait(HOLDS.unreachable - 1)
        .look(vm(), vmi())
        .wait(HOLDS.unreachable),
    told: up,
  },
  {
    title: 'a paused guest is unreachable, when it lasts',
    play: () =>
      reachable()
        .look(vm(), vmi({ paused: true }))
        .wait(HOLDS.unreachable),
    told: `${up} paused unreachable`,
  },
  {
    title: 'a guest without any address is unreachable, when it lasts',
    play: () =>
      reachable()
        .look(vm(), vmi({ address: '' }))
        .wait(HOLDS.unreachable),
    told: `${up} unreachable`,
  },
  {
    title: 'reachable must last',
    play: () => new Story().look(vm(), vmi()).wait(HOLDS.reachable - 1),
    told: 'created started',
  },
  {
    title: 'another address that lasts is address_changed',
    play: () =>
      reachable()
        .look(vm(), vmi({ address: '10.0.0.2' }))
        .wait(HOLDS.address),
    told: `${up} address_changed`,
  },
  {
    title: 'an address that flaps to empty and back is no change',
    play: () =>
      reachable()
        .look(vm(), vmi({ address: '' }))
        .wait(HOLDS.address)
        .look(vm(), vmi())
        .wait(HOLDS.address),
    told: up,
  },
  {
    title: 'an address that flaps to another and back is no change',
    play: () =>
      reachable()
        .look(vm(), vmi({ address: '10.0.0.2' }))
        .wait(HOLDS.address - 1)
        .look(vm(), vmi())
        .wait(HOLDS.address),
    told: up,
  },
  {
    title: 'the first address is no change',
    play: () =>
      new Story()
        .look(vm(), vmi({ address: '' }))
        .look(vm(), vmi())
        .wait(HOLDS.address),
    told: up,
  },
  {
    title: 'a masquerade address that changes with a boot is told once it lasts',
    play: () =>
      reachable()
        .look(vm(), vmi({ uid: 'boot-2', address: '10.0.0.9' }))
        .wait(HOLDS.address),
    told: `${up} restarted reachable address_changed`,
  },
  {
    title: 'a VMI of another incarnation is nobody’s boot',
    play: () => new Story().look(vm(), vmi({ owner: 'vm-0' })).wait(HOLDS.reachable),
    told: 'created',
  },
  {
    title: 'a VMI without an owner belongs to no VM',
    play: () => new Story().look(vm(), vmi({ owner: '' })).wait(HOLDS.reachable),
    told: 'created',
  },
  {
    title: 'VMIs that can not be read stop nobody',
    play: () =>
      reachable()
        .look(vm({ status: 'Running' }), 'unknown')
        .wait(HOLDS.unreachable),
    told: up,
  },
  {
    title: 'labels are told while VMIs can not be read',
    play: () => reachable().look(vm({ labels: { app: 'web' } }), 'unknown'),
    told: `${up} labels_changed`,
  },
  {
    title: 'what a VM is when its cluster is adopted counts as told: its address, its boot, that it is reachable',
    play: () =>
      new Story()
        .look(vm(), vmi(), { adopting: true })
        .wait(HOLDS.unreachable)
        .look(vm(), vmi())
        .wait(HOLDS.unreachable),
    told: 'discovered',
  },
  {
    title: 'an adopted VM that stops is told as stopped',
    play: () => new Story().look(vm(), vmi(), { adopting: true }).look(vm()).wait(HELD),
    told: 'discovered stopped',
  },
  {
    title: 'a VM that begins to go is not gone yet',
    play: () => reachable().look(vm({ deleting: true, status: 'Terminating' }), vmi()),
    told: up,
  },
]

describe('what becomes true of a VM', () => {
  test.for(rows.map(row => [row.title, row] as const))('%s', ([, { play, told }]) => {
    expect(play().told.join(' ')).toBe(told)
  })
})

describe('what waits', () => {
  test('a value that changes while it waits begins to wait anew', () => {
    const story = reachable()
      .look(vm(), vmi({ address: '10.0.0.2' }))
      .wait(HOLDS.address - 1)
    story.look(vm(), vmi({ address: '10.0.0.3' })).wait(HOLDS.address - 1)
    expect(story.told.join(' ')).toBe(up)
    story.wait(1)
    expect(story.last).toMatchObject({ fact: 'address_changed', transition: { from: '10.0.0.1', to: '10.0.0.3' } })
  })

  test('the same value looked at again goes on to wait', () => {
    const story = reachable()
      .look(vm(), vmi({ address: '10.0.0.2' }))
      .wait(HOLDS.address - 1)
    story.look(vm({ labels: { app: 'web' } }), vmi({ address: '10.0.0.2' })).wait(1)
    expect(story.told.join(' ')).toBe(`${up} labels_changed address_changed`)
  })

  test('survives a restart: what was due meanwhile is told at once, what was not goes on to wait', () => {
    const stopped = reachable().look(vm()).restart().wait(HELD)
    expect(stopped.told.join(' ')).toBe(`${up} stopped`)
    const seenAgain = reachable().look(vm()).restart()
    seenAgain.now += HELD
    expect(seenAgain.look(vm(), null, sync).told.join(' ')).toBe(`${up} stopped`)
    expect(
      reachable()
        .look(vm())
        .restart()
        .wait(HELD - 1)
        .told.join(' '),
    ).toBe(up)
  })

  test('what a gap hid is marked as such even when it had to wait', () => {
    const story = reachable().restart().look(vm(), null, sync).wait(HELD)
    expect(story.last).toMatchObject({ fact: 'stopped', origin: 'sync', gap: true })
    const live = reachable().restart().look(vm(), vmi(), sync).look(vm()).wait(HELD)
    expect(live.last).toMatchObject({ fact: 'stopped', origin: 'live', gap: false })
  })
})

describe('what a fact says', () => {
  test('the end of the old comes before the beginning of the new, and each is about its own incarnation', () => {
    const story = reachable().look(vm({ uid: 'vm-2' }), null, sync)
    const [gone, come] = story.facts.slice(-2)
    expect([gone?.fact, gone?.about.uid, gone?.gap]).toEqual(['deleted', 'vm-1', true])
    expect([come?.fact, come?.about.uid, come?.gap]).toEqual(['created', 'vm-2', true])
    expect(story.record?.told).toMatchObject({ boot: '', reachable: false, address: '' })
  })

  test('a VM first seen in an adoption is adopted for good; one that takes its name is not', () => {
    const story = new Story().look(vm(), null, { adopting: true, origin: 'sync' })
    expect(story.last).toMatchObject({ origin: 'bootstrap', gap: false })
    expect(story.look(vm({ labels: { a: 'b' } })).record?.adopted).toBe(true)
    expect(story.look(vm({ uid: 'vm-2' }), null, { adopting: true }).record?.adopted).toBe(false)
  })

  test('each fact names the one before it', () => {
    const story = reachable().look(vm()).wait(HELD)
    expect(story.facts.map(fact => fact.previous)).toEqual(['', ...story.facts.slice(0, -1).map(fact => fact.id)])
  })

  test('a start says what was before it, and never that it ran: printableStatus may run ahead of the VMI', () => {
    const starts = (status: string): string => new Story().look(vm({ status })).look(vm(), vmi()).last.transition.from
    expect(['Starting', 'Stopped', 'Running'].map(starts)).toEqual(['Starting', 'Stopped', 'Starting'])
  })

  test('unreachable says what is missing', () => {
    const why = (values: Parameters<typeof vmi>[0]): string =>
      reachable().look(vm(), vmi(values)).wait(HOLDS.unreachable).last.reason
    expect([why({ paused: true }), why({ agentConnected: false }), why({ address: '' })]).toEqual([
      'paused',
      'no agent',
      'no address',
    ])
  })

  test('labels_changed names the labels, whatever they are called', () => {
    const story = new Story().look(vm({ labels: { same: '1', gone: '1', other: '1' } }))
    story.look(vm({ labels: { same: '1', other: '2', toString: 'new' } }))
    expect(story.last.changed).toEqual(['labels.gone', 'labels.other', 'labels.toString'])
  })

  test('a deletion found by a list says so, and a live one of a burst too', () => {
    expect(new Story().look(vm()).look(null, null, sync).last).toMatchObject({
      reason: 'not in the list any more',
      gap: true,
    })
    expect(new Story().look(vm()).look(null, null, { burst: true }).last).toMatchObject({ reason: '', burst: true })
  })

  test('the same input gives the same id', () => {
    const ids = (): string[] =>
      reachable()
        .look(vm(), vmi({ address: '10.0.0.2' }))
        .wait(HOLDS.address)
        .look(vm())
        .wait(HELD)
        .facts.map(fact => fact.id)
    expect(ids()).toEqual(ids())
  })

  test('a change that comes back and happens again has another id each time', () => {
    const story = reachable()
    for (let turn = 0; turn < 3; turn += 1) {
      story.look(vm({ labels: { turn: 'a' } }), vmi()).look(vm({ labels: {} }), vmi())
      story
        .look(vm(), vmi({ address: '10.0.0.2' }))
        .wait(HOLDS.address)
        .look(vm(), vmi())
        .wait(HOLDS.address)
      story.look(vm(), vmi({ node: 'node-2' })).look(vm(), vmi())
      story
        .look(vm(), vmi({ agentConnected: false }))
        .wait(HOLDS.unreachable)
        .look(vm(), vmi())
        .wait(HOLDS.reachable)
    }
    expect(story.facts).toHaveLength(3 + 3 * 8)
    expect(new Set(story.facts.map(fact => fact.id)).size).toBe(story.facts.length)
  })
})
