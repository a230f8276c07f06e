import type { Event, VmEventData } from '../../src/event/index.ts'
import { ALL, DONE, relabelled, started, stopped, upgraded, WINDOWS } from './asked.ts'
import { another, asking, type Case, Guest } from './feed.ts'

type VmEvent = Event<VmEventData>

const NO_WAY = 'it can not be reached'
const NEITHER = 'its label virtbridge.io/onboard is neither true nor false'
const NOT_LINUX = 'it is not known to run Linux'

/** What is said of a guest for which something is not done. */
export function left(done: string, why: string): string {
  return `Not ${done}, for ${why}`
}

/** Of one that asks for everything, and is away. */
export const UNREACHED = [left('configured', NO_WAY), left('onboarded', NO_WAY), left('patched', NO_WAY)]
/** Of one that asks for everything, and is of a system that nobody knows. */
export const NOT_THIS = [
  left('configured', NOT_LINUX),
  left('onboarded', NOT_LINUX),
  left('patched', `${NOT_LINUX} or Windows`),
]

/** Guests that ask for something that is not done, and that are told of. */
export function refusedCases(): readonly Case[] {
  const windows = (labels: Record<string, string>): VmEvent =>
    new Guest().look({ labels: {} }, { os: WINDOWS }).look({ labels }, { os: WINDOWS }).told('labels_changed')
  const asked = relabelled(ALL)
  const old = 'it was there before its cluster was adopted'
  const large = 'its event was too large for labels'
  const cut = { trimmed: ['vm.labels', 'vm.label_list'] } as const
  const noLabels = { labels: {}, label_list: [] }
  const unknown = { os: { family: '', id: '', name: '', version: '' } }
  const upgrade = upgraded(asking('configure'))
  const cases: readonly (readonly [string, VmEvent, readonly string[], readonly string[]])[] = [
    ['Windows is not onboarded', windows(asking('onboard')), [], [left('onboarded', NOT_LINUX)]],
    ['Windows is not configured', windows(asking('configure')), [], [left('configured', NOT_LINUX)]],
    ['nobody knows what it runs', another(asked, {}, unknown), [], NOT_THIS],
    [
      'nobody knows what it runs, and it is reachable',
      another(started(ALL), {}, unknown),
      [],
      [left('onboarded', NOT_LINUX)],
    ],
    ['nobody knows what it became', another(upgrade, {}, unknown), [], [left('configured', NOT_LINUX)]],
    [
      'it was there before its cluster was adopted',
      another(started(asking('onboard')), {}, { adopted: true }),
      [],
      [left('onboarded', old)],
    ],
    [
      'its label says neither yes nor no',
      relabelled({ 'virtbridge.io/onboard': 'yes' }),
      [],
      [left('onboarded', NEITHER)],
    ],
    [
      'its label says neither yes nor no, and it is reachable',
      started({ 'virtbridge.io/onboard': 'True' }),
      [],
      [left('onboarded', NEITHER)],
    ],
    ['its agent is away', another(asked, {}, { agent_connected: false }), [], UNREACHED],
    ['it has no address', another(asked, {}, { address: '' }), [], UNREACHED],
    [
      'it became another, and is away',
      another(upgrade, {}, { agent_connected: false }),
      [],
      [left('configured', NO_WAY)],
    ],
    ['it does not run', another(asked, {}, { status: 'Stopped' }), ['Day2 | Offboard'], UNREACHED],
    ['its labels were left out', another(started(ALL), cut as never, noLabels), [], [left('onboarded', large)]],
    [
      'its labels were left out as they changed',
      another(asked, cut as never, noLabels),
      [],
      Object.values(DONE)
        .map(done => left(done, large))
        .toSorted(),
    ],
    [
      'its labels were left out as it became another',
      another(upgrade, cut as never, noLabels),
      [],
      [left('configured', large)],
    ],
    [
      'its labels were left out as it stopped',
      another(stopped(ALL), cut as never, noLabels),
      [],
      [left('off-boarded', large)],
    ],
  ]
  return cases.map(([title, event, launches, says]) => ({ title, event, launches, says }))
}
