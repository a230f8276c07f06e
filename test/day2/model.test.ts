import { describe, expect, test } from 'vitest'
import { newTally, play, type Step } from './model.ts'
import type { Spoiled } from './mortal-process.ts'
import { found, STEPPED } from './schedules.ts'

/** The answer of a launch is lost, and its template is deleted and made anew before its job is found, by an account that then can not read it. */
const HIDDEN: readonly Step[] = [
  ...STEPPED,
  { do: 'fault', on: 'launch', fault: { kind: 'commit-then-drop' }, times: 1 },
  { do: 'audit', may: false },
  { do: 'race', vm: 0, how: 'recreate' },
  { do: 'ready', vm: 0 },
  { do: 'share', by: 0 },
  { do: 'watch', run: 0 },
  { do: 'broken', vm: 0 },
  { do: 'template', how: 'recreate' },
  wish(0),
  wish(0),
  { do: 'clock', of: 'bridge', aheadMs: -3_600_000 },
  { do: 'advance', ms: 100 },
  { do: 'crash', awaits: 1 },
  { do: 'advance', ms: 100 },
]

/** A bridge dies when its launch was carried out and before it hears of that. The control below notices when that is another await. */
const POSTED: readonly Step[] = [
  { do: 'ready', vm: 0 },
  { do: 'advance', ms: 2_000 },
  { do: 'crash', awaits: 16 },
  ...turns(4),
]

/** Few by default, as the whole unit suite is quick; test/long/model.test.ts is the long form, `FC_SEED` to see one again. */
const RUNS = Number(process.env['FC_RUNS'] ?? 30)
const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 0x7fffffff)
/** Reach all that is rare, whatever the seed of the day leaves out. */
const RARE: readonly (readonly Step[])[] = [
  // Wishes for a VM that does not run: to patch it, and to put it back to a snapshot.
  [
    { do: 'stop', vm: 4 },
    ...(['patch', 'restore'] as const).flatMap((verb): Step[] => [wish(4, { verb }), { do: 'advance', ms: 20_000 }]),
  ],
  // One id for two wishes, and the end of the first is wanted.
  [{ do: 'ready', vm: 3 }, wish(3, { again: true }), wish(3, { again: true, note: 'a' }), { do: 'cancel', run: 0 }],
  // An answer that is lost; then a bridge that dies, and a person with a job of their own.
  [
    { do: 'ready', vm: 0 },
    { do: 'fault', on: 'launch', fault: { kind: 'commit-then-drop' }, times: 1 },
    { do: 'advance', ms: 20_000 },
    { do: 'advance', ms: 2_000 },
    { do: 'advance', ms: 2_000 },
    { do: 'operator', vms: [0], template: 'patch' },
    { do: 'crash', awaits: 1 },
    { do: 'advance', ms: 2_000 },
  ],
  [{ do: 'ready', vm: 4 }, { do: 'advance', ms: 2_000 }, wish(4, { check: true }), { do: 'advance', ms: 20_000 }],
  // More news than may start by itself. A person releases that brake, a second one is late, and more sets the next.
  [
    ...([0, 1, 2] as const).map((vm): Step => ({ do: 'ready', vm })),
    { do: 'advance', ms: 20_000 },
    { do: 'flood' },
    { do: 'advance', ms: 20_000 },
    { do: 'operator', vms: [0], template: 'onboard' },
    { do: 'release', late: true },
    { do: 'release', late: false },
    { do: 'advance', ms: 20_000 },
    { do: 'recreate', vm: 1 },
    { do: 'recreate', vm: 2 },
    { do: 'advance', ms: 20_000 },
  ],
  // A job of others that can not be read any more, and a person who lets go of it.
  [
    { do: 'ready', vm: 4 },
    // The controller knows the VM from then on, so that a job runs for a while.
    wish(4),
    { do: 'advance', ms: 20_000 },
    { do: 'advance', ms: 20_000 },
    { do: 'operator', vms: 'all', template: 'other' },
    { do: 'let go' },
    { do: 'audit', may: false },
    { do: 'let go' },
    wish(4),
    { do: 'advance', ms: 20_000 },
  ],
  // One that nobody can read any more, and nobody lets go of: after a day it is given up.
  [
    { do: 'ready', vm: 4 },
    wish(4),
    ...turns(6),
    { do: 'operator', vms: 'all', template: 'other' },
    { do: 'audit', may: false },
    ...turns(2),
  ],
  // Wishes that share a run; the bridge dies, and who was told nothing asks again.
  [
    ...([0, 1, 2] as const).map((vm): Step => ({ do: 'ready', vm })),
    { do: 'advance', ms: 50_000 },
    ...([0, 1, 0, 2] as const).map((by): Step => ({ do: 'share', by })),
    { do: 'crash', awaits: 2 },
    ...([0, 3, 1] as const).map((by): Step => ({ do: 'share', by })),
    { do: 'advance', ms: 20_000 },
  ],
  // A verb with steps, to its end.
  [...STEPPED, ...Array.from({ length: 5 }, (): Step => ({ do: 'advance', ms: 20_000 }))],
  // The inventory can not be updated any more, and a guest gets another address; then another VM gets its name.
  [
    { do: 'ready', vm: 4 },
    ...(['patch', 'restore'] as const).flatMap((verb): Step[] => [wish(4, { verb }), ...turns(6)]),
    { do: 'source', broken: true },
    { do: 'address', vm: 4 },
    wish(4),
    ...turns(6),
    { do: 'recreate', vm: 4 },
    wish(4, { verb: 'restore' }),
    ...turns(6),
  ],
  HIDDEN,
  POSTED,
  // A bridge that sleeps while it takes a wish, until another one has taken over.
  [{ do: 'ready', vm: 4 }, { do: 'pause', awaits: 2, ms: 60_000 }, wish(4), { do: 'advance', ms: 20_000 }],
]
/** So many turns of the bridge. */
function turns(count: number): readonly Step[] {
  return Array.from({ length: count }, (): Step => ({ do: 'advance', ms: 20_000 }))
}

function wish(vm: number, more: Partial<Extract<Step, { do: 'command' }>> = {}): Step {
  return { do: 'command', vms: [vm], again: false, verb: 'patch', check: false, note: '', ...more }
}

const TIMEOUT = { timeout: 3_600_000 }

test(
  'whatever comes in whatever order, crashes too: one job for an intent, on its hosts alone, step after step on those that came through, one job at a time on a VM, the right guest, which runs where the work needs it, nothing by itself on what was there before nor beyond the brake, and one outcome for each host',
  TIMEOUT,
  async () => {
    const tally = newTally()
    expect(await found(RUNS, SEED, {}, { tally })).toBe('')
    console.log(`model of the dispatcher: ${RUNS} schedules, seed ${SEED}, reached ${JSON.stringify(tally)}`)
    for (const schedule of RARE) expect(await play(schedule, {}, tally)).toEqual([])
    // A model that reaches nothing proves nothing.
    const { again: _again, leftOut: _leftOut, ...reached } = tally
    expect(Object.entries(reached).filter(([, times]) => times === 0)).toEqual([])
  },
)

test('and so in the middle of a verb with steps', TIMEOUT, async () => {
  const tally = newTally()
  expect(await found(Math.ceil(RUNS / 2), SEED, {}, { tally, first: STEPPED })).toBe('')
  expect(tally.later).toBeGreaterThan(0)
})

describe('the model can fail', () => {
  test('without a look at the results of each host: a step too far', TIMEOUT, async () => {
    const schedule: readonly Step[] = [...STEPPED, { do: 'advance', ms: 20_000 }]
    expect((await play(schedule, { bypassResults: true })).join()).toContain('is taken to step')
  })

  test('without a look at the template whose job was not found: two jobs', TIMEOUT, async () => {
    expect((await play(HIDDEN, { bypassReadable: true })).join()).toContain('two jobs for one intent')
  })

  test('without a search for the job of an intent that one who died had posted: two jobs', TIMEOUT, async () => {
    expect((await play(POSTED, { bypassIntents: true })).join()).toContain('two jobs for one intent')
  })

  test.each<[string, Spoiled, string]>([
    ['without a quiet period: two jobs', { quiet: 0, expected: true }, 'two jobs for one intent'],
    ['without a search for the marker: two jobs', { bypassSearch: true, expected: true }, 'two jobs for one intent'],
    ['without a look at the echo: a wider job', { bypassEcho: true, expected: true }, 'and is believed'],
  ])('%s', TIMEOUT, async (_, spoiled, violation) => {
    expect(await found(300, 42, spoiled)).toContain(violation)
  })
})
