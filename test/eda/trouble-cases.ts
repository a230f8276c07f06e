import type { Event } from '../../src/event/index.ts'
import { samples } from '../event/samples.ts'
import { another, type Case, sampleOf } from './feed.ts'
import { HOSTILE } from './hostile.ts'

const NOTIFY = ['Rulebooks | Notify']

type Data = Readonly<Record<string, unknown>>

/** The sample of a fact, as an event of its own, with these changes of its data. */
export function fresh(name: string, changes: Data = {}): Event {
  const event = samples().get(name)
  if (event === undefined) throw new Error(`no sample of ${name}`)
  return changed({ ...event, id: another(sampleOf('created')).id }, changes)
}

function changed(event: Event, changes: Data): Event {
  return { ...event, data: { ...event.data, ...changes } }
}

/** A run that ended like this. */
function run(outcome: string): Event {
  return fresh('day2.run_finished', { outcome })
}

/** Of one cluster people are told once in a while, so that each is another. */
let clusters = 0
function ofCluster(fact: string): Event {
  clusters += 1
  return fresh(`cluster.${fact}`, { cluster: { name: `lost-${clusters}`, hub: 'hub1' } })
}

type Change = (event: Event) => Event

function by(changes: Data): Change {
  return event => changed(event, changes)
}

const NO_NEWS = [by({ origin: 'bootstrap' }), by({ origin: 'audit' })]
const NO_NEWS_OF_A_VM = [...NO_NEWS, by({ burst: true })]
/** A message about a message that could not be sent. */
const OF_ITSELF: Change = event =>
  changed(event, { run: { ...(event.data as { run: object }).run, template: 'Rulebooks | Notify' } })

/** What a kind of event has of what a guest, an API server or a person says. */
const SAYING = {
  vm: (text: string): Change => {
    const os = { family: text, id: text, name: text, version: text }
    const descent = { kind: text, from: text, by: text, run: text }
    const names = { name: text, namespace: text, node: text, application: text, run_strategy: text }
    const labels = { labels: { [text]: text }, label_list: [`${text}=${text}`] }
    const vm = { ...names, ...labels, os, descent, status: text, address: text }
    return event => {
      const data = event.data as { fact: string; reason: string; vm: object }
      // Why a guest is unreachable is a word of ours, which the rule goes by.
      const reason = data.fact === 'unreachable' ? data.reason : text
      const said = { reason, message: text, transition: { from: text, to: text }, changed: [text] }
      return changed(event, { ...said, vm: { ...data.vm, ...vm } })
    }
  },
  day2: (text: string): Change => {
    const said = { reason: text, message: text, host: text, job: { id: 1, url: text } }
    return event =>
      changed(event, {
        ...said,
        run: { ...(event.data as { run: object }).run, verb: text, asked_by: text, status: text },
      })
  },
  cluster: (text: string): Change =>
    by({ reason: text, message: text, added: [text], removed: [text], deleted: [text], confirmed_by: text }),
} as const

/** Of each rule that tells people: an event that fires it, and what makes it one that must not. */
const TROUBLE: readonly (readonly [string, keyof typeof SAYING, () => Event, readonly Change[]])[] = [
  ['a lost agent', 'vm', () => sampleOf('unreachable'), [...NO_NEWS_OF_A_VM, by({ reason: 'paused' })]],
  ['a lost address', 'vm', () => another(sampleOf('unreachable'), { reason: 'no address' }), NO_NEWS_OF_A_VM],
  ['a contested address', 'vm', () => sampleOf('address_conflict'), NO_NEWS_OF_A_VM],
  ['a failed snapshot', 'vm', () => sampleOf('snapshot_failed'), NO_NEWS_OF_A_VM],
  ['a failed restore', 'vm', () => sampleOf('restore_failed'), NO_NEWS_OF_A_VM],
  ['a failed import', 'vm', () => sampleOf('import_failed'), NO_NEWS_OF_A_VM],
  ['a run that failed', 'day2', () => run('failed'), [by({ outcome: 'ok' }), OF_ITSELF]],
  ['a run of which nobody knows how it ended', 'day2', () => run('unknown'), [OF_ITSELF]],
  ['a run that was refused', 'day2', () => run('refused'), [OF_ITSELF]],
  ['a run that does not move', 'day2', () => fresh('day2.run_stuck'), [OF_ITSELF]],
  ['records that are lost', 'day2', () => fresh('day2.records_lost'), [as('day2.loss_confirmed')]],
  ['a brake that is set', 'day2', () => fresh('day2.brake_set'), [as('day2.brake_released')]],
  ['a cluster that is away', 'cluster', () => ofCluster('unreachable'), [...NO_NEWS, as('cluster.available')]],
  ['a cluster that refuses', 'cluster', () => ofCluster('unavailable'), [...NO_NEWS, as('cluster.resynced')]],
  ['a cluster that left its hub', 'cluster', () => ofCluster('detached'), [...NO_NEWS, as('cluster.joined')]],
]

/** What is told of the same when all is well. */
function as(name: string): Change {
  return () => fresh(name)
}

/** What people are told of, once, whatever is said in it, and what they are not. `texts`: how many hostile ones are tried on each. */
export function troubleCases(texts: number = HOSTILE.length): readonly Case[] {
  return TROUBLE.flatMap(([title, kind, make, changes]) => [
    { title, event: make(), launches: NOTIFY },
    { title: `${title}, told twice`, event: make(), told: 2, launches: NOTIFY },
    ...changes.map((change, n) => ({
      title: `${title}, but no trouble or no news (${n + 1})`,
      event: change(make()),
      launches: [],
    })),
    ...HOSTILE.slice(0, texts).map(text => ({
      title: `${title}, in which is said ${text}`,
      event: SAYING[kind](text)(make()),
      launches: NOTIFY,
    })),
  ])
}
