import { describe, expect, test } from 'vitest'
import { type Deed, type DeedKind, MAX_DEEDS } from '../../src/vm/index.ts'
import { deed, HOLDS, reachable, Story, vm, vmi } from './story.ts'

const sync = { origin: 'sync', gap: true } as const
const of = (kind: DeedKind, ...ended: readonly Deed[]): { deeds: Partial<Record<DeedKind, readonly Deed[]>> } => ({
  deeds: { [kind]: ended.map(one => ({ ...one, kind })) },
})
/** A VM of which snapshots can be read from its beginning. */
const watched = (kind: DeedKind = 'snapshot'): Story => new Story().with(of(kind)).look(vm())
const failed = deed({ outcome: 'failed' })

const rows: readonly (readonly [string, () => Story, string])[] = [
  ['a snapshot that succeeds is told', () => watched().with(of('snapshot', deed())).look(vm()), 'snapshot_succeeded'],
  ['one that fails is told', () => watched().with(of('snapshot', failed)).look(vm()), 'snapshot_failed'],
  [
    'one that failed and then succeeds is told twice',
    () => watched().with(of('snapshot', failed)).look(vm()).with(of('snapshot', deed())).look(vm()),
    'snapshot_failed snapshot_succeeded',
  ],
  [
    'one that succeeded is told once, whatever is said of it later, in this life and the next',
    () =>
      watched()
        .with(of('snapshot', deed()))
        .look(vm())
        .with(of('snapshot', failed))
        .look(vm())
        .with(of('snapshot', deed()))
        .restart()
        .look(vm(), null, sync),
    'snapshot_succeeded',
  ],
  [
    'a restore that is complete is told',
    () => watched('restore').with(of('restore', deed())).look(vm()),
    'restore_succeeded',
  ],
  ['a restore that fails is told', () => watched('restore').with(of('restore', failed)).look(vm()), 'restore_failed'],
  ['an import that succeeds is told', () => watched('import').with(of('import', deed())).look(vm()), 'imported'],
  ['an import that fails is told', () => watched('import').with(of('import', failed)).look(vm()), 'import_failed'],
  [
    'a migration that never began is told by its own object',
    () => watched('migration').with(of('migration', failed)).look(vm()),
    'migration_failed',
  ],
  [
    'a migration that ended well is told by the node alone',
    () => watched('migration').with(of('migration', deed())).look(vm()),
    '',
  ],
  [
    'what a clone makes for itself is nobody’s news',
    () =>
      watched()
        .with(of('snapshot', deed({ internal: true })))
        .look(vm()),
    '',
  ],
  [
    'a resource that can be read from now on brings no flood of old facts',
    () =>
      new Story()
        .look(vm())
        .with(of('snapshot', deed(), deed({ uid: 'b', outcome: 'failed' })))
        .look(vm(), null, sync),
    '',
  ],
  [
    'but what ends after that is news',
    () =>
      new Story()
        .look(vm())
        .with(of('snapshot', deed()))
        .look(vm())
        .with(of('snapshot', deed(), deed({ uid: 'b' })))
        .look(vm()),
    'snapshot_succeeded',
  ],
  [
    'what ended while it could not be read is told when it can be again',
    () => {
      const story = watched()
      story.deeds = {}
      return story.look(vm()).with(of('snapshot', deed())).look(vm(), null, sync)
    },
    'snapshot_succeeded',
  ],
  [
    'what was done before its cluster was adopted is not told',
    () => new Story().with(of('snapshot', deed())).look(vm(), null, { adopting: true }).look(vm()),
    '',
  ],
  [
    'what was done to one that had the name before is not told of the next',
    () =>
      watched()
        .with(of('snapshot', deed({ vmUid: 'vm-0' }), deed({ uid: 'b', at: 900, began: 900 })))
        .look(vm()),
    '',
  ],
  [
    'a VM that is seen together with its finished restore is told both',
    () => new Story().with(of('restore', deed())).look(vm(), null, sync),
    'restore_succeeded',
  ],
]

describe('what is done to a VM by objects of their own', () => {
  test.for(rows)('%s', ([, play, told]) => {
    const words = play().told
    expect(words[0]).toMatch(/created|discovered/)
    expect(words.slice(1).join(' ')).toBe(told)
  })

  test('a failed migration is told once, whether its VMI or its own object says so first', () => {
    const own = of('migration', deed({ uid: 'm', outcome: 'failed' }))
    const boot = vmi({ migrationFailed: { uid: 'm', from: 'node-1', to: 'node-2', reason: 'no room' } })
    const begin = (): Story => reachable().with(of('migration')).look(vm(), vmi())
    expect(begin().look(vm(), boot).with(own).look(vm(), boot).told.slice(3)).toEqual(['migration_failed'])
    expect(begin().with(own).look(vm(), vmi()).look(vm(), boot).told.slice(3)).toEqual(['migration_failed'])
    expect(begin().look(vm(), boot).last.transition).toEqual({ from: 'node-1', to: 'node-2' })
  })

  test('a migration that failed is forgotten by nobody: the state of the last one stays on its VMI', () => {
    const boot = vmi({ migrationFailed: { uid: 'm', from: '', to: '', reason: '' } })
    const story = reachable()
      .look(vm(), boot)
      .look(vm(), boot)
      .look(vm())
      .look(vm(), boot)
      .restart()
      .look(vm(), boot, sync)
    expect(story.told.slice(3)).toEqual(['migration_failed'])
    expect(new Story().look(vm(), boot, { adopting: true }).look(vm(), boot).told).toEqual(['discovered'])
  })

  test('a record remembers at most 32 ended deeds of a kind, and an old one that shows again is not news', () => {
    const all = Array.from({ length: 100 }, (_, index) => deed({ uid: `d-${index}`, at: 10_000 + index }))
    const story = watched()
      .with(of('snapshot', ...all))
      .look(vm())
    expect(story.facts).toHaveLength(101)
    expect(Object.keys(story.record?.heard?.snapshot?.ended ?? {})).toHaveLength(MAX_DEEDS)
    // The newest are deleted: what is older than all that was remembered comes into sight again.
    story.with(of('snapshot', ...all.slice(0, 50))).look(vm(), null, sync)
    expect(story.facts).toHaveLength(101)
  })

  test('says what it was made from, what by and why', () => {
    const restore = deed({ kind: 'restore', from: 'snap-1', to: 'back', outcome: 'failed', reason: 'no space' })
    const { last } = watched('restore').with(of('restore', restore)).look(vm())
    expect(last).toMatchObject({ transition: { from: 'snap-1', to: 'back' }, reason: 'no space' })
  })
})

describe('where a VM comes from', () => {
  const IMPORT = { kind: 'import', from: 'vm-1042', by: 'wave-3', run: 'migration-1' } as const
  test('is kept, and said when it is created', () => {
    const story = new Story().look(vm({ descent: IMPORT }))
    expect(story.last.reason).toBe('import of vm-1042 by wave-3')
    expect(story.look(vm(), vmi()).record?.descent).toEqual(IMPORT)
  })

  test.each([
    ['a clone', of('clone', deed({ from: 'shop/db', key: 'shop/copy', began: 900 })), 'clone'],
    ['a restore that was there before the VM', of('restore', deed({ began: 900, from: 'snap' })), 'restore'],
    ['a restore in place', of('restore', deed({ began: 9_000 })), ''],
    ['a clone onto a name that was taken', of('clone', deed({ began: 9_000 })), ''],
  ] as const)('is told by %s', (_, parts, kind) => {
    expect(new Story().look(vm()).with(parts).look(vm()).record?.descent?.kind ?? '').toBe(kind)
  })

  test('a record from before this was known takes it in without a fact', () => {
    const story = reachable().wait(HOLDS.reachable)
    const { knows, told, ...old } = JSON.parse(JSON.stringify(story.record)) as Record<string, object>
    expect(knows).toBe('')
    const { boot, reachable: answers, address } = told as { boot: string; reachable: boolean; address: string }
    story.record = { ...old, told: { boot, reachable: answers, address } } as unknown as Story['record']
    const paused = vmi({ paused: true, migrationFailed: { uid: 'm', from: '', to: '', reason: '' }, kernel: 'other' })
    story
      .with({ claims: { 'web-1-root': 'claim-1' }, ...of('snapshot', deed()) })
      .look(vm({ descent: IMPORT, restartRequired: true, failedBoots: 1 }), paused, sync)
    expect(story.told).toEqual(['created', 'started', 'reachable'])
    expect(story.record?.descent).toEqual(IMPORT)
  })

  test('so does that of a VM that does not come up: it failed before anybody knew of failing', () => {
    const story = new Story().look(vm({ status: 'Provisioning' }))
    const { told, ...old } = JSON.parse(JSON.stringify(story.record)) as Record<string, Record<string, unknown>>
    delete told?.['failing']
    story.record = { ...old, told } as unknown as Story['record']
    story.look(vm({ status: 'ErrorUnschedulable' }), null, sync).wait(HOLDS.stopped)
    expect(story.look(vm({ failedBoots: 3, failedBoot: 'boot-3' })).told).toEqual(['created'])
  })
})
