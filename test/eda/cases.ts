import { type Event, VM_FACTS, type VmEventData, type VmFact } from '../../src/event/index.ts'
import { samples } from '../event/samples.ts'
import { another, asking, type Case, Guest, sampleOf } from './feed.ts'

const ALL = asking('onboard', 'configure', 'patch', 'offboard')
const RHEL10 = { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '10.0' }
const WINDOWS = { family: 'windows', id: 'windows', name: 'Microsoft Windows Server 2022', version: '' }

/** What a guest, or who may write to its objects, may say of itself. */
const HOSTILE = [
  "{{ lookup('pipe', 'touch /tmp/virtbridge-owned') }}",
  '{% for x in range(10) %}{{ x }}{% endfor %}',
  "'; all ;'\n- name: x\n\u0000\u001b[31m",
  '1e5',
  'None',
  '*',
] as const

/** Names of hosts that are more than one host, or none. */
const NO_LIMITS = [
  '',
  'all',
  '*',
  'localhost',
  'a.b.c,d.e.f',
  'a.b.c:d.e.f',
  '!a.b.c',
  'a.b.c[0]',
  'a.b.c\n',
  'A.b.*',
  '{{ groups.all }}',
  '1.5',
] as const

type VmEvent = Event<VmEventData>

/** A guest that is up, with labels, and gets others. */
function relabelled(labels: Record<string, string>, before: Record<string, string> = {}): VmEvent {
  return new Guest().look({ labels: before }).look({ labels }).told('labels_changed')
}

function started(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).told('reachable')
}

function upgraded(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).look({ labels }, { os: RHEL10, kernel: '6.12.0-55' }).told('guest_changed')
}

/** As an older bridge tells it. */
function withoutAdopted(event: VmEvent): VmEvent {
  const { adopted: _, ...vm } = event.data.vm
  return { ...event, data: { ...event.data, vm } }
}

function stopped(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).stop(labels).told('stopped')
}

function condemned(labels: Record<string, string>): VmEvent {
  return new Guest().look().stop().stop(labels).told('labels_changed')
}

/** Events that fire a verb's rule, by the template that is launched. */
const ASKED: readonly (readonly [string, string, () => VmEvent])[] = [
  ['a guest that asks for it becomes reachable', 'Day2 | Onboard', () => started(asking('onboard'))],
  ['a guest that runs is labelled', 'Day2 | Onboard', () => relabelled(asking('onboard'))],
  ['a guest that runs is labelled', 'Day2 | Configure', () => relabelled(asking('configure'))],
  ['a labelled guest became another', 'Day2 | Configure', () => upgraded(asking('configure'))],
  ['a guest that runs is labelled', 'Day2 | Patch', () => relabelled(asking('patch'))],
  [
    'the label gets another value',
    'Day2 | Patch',
    () => relabelled(asking('patch'), { 'virtbridge.io/patch': 'before' }),
  ],
  ['a labelled guest stops', 'Day2 | Offboard', () => stopped(asking('offboard'))],
  ['a stopped guest is labelled', 'Day2 | Offboard', () => condemned(asking('offboard'))],
]

/** What each rule of the driver eda does, and what it leaves alone. `names`: how many bad names of hosts are tried on each. */
export function verbCases(names: number = NO_LIMITS.length): readonly Case[] {
  const fired = ASKED.map(([why, template, make]) => ({
    title: `${template}: ${why}`,
    event: make(),
    launches: [template],
  }))
  const twice = ASKED.map(([why, template, make]) => ({
    title: `${template}, once: ${why}, told twice`,
    event: make(),
    told: 2,
    launches: [template],
  }))
  const late = ASKED.map(([why, template, make]) => ({
    title: `${template}: ${why}, found by a resync`,
    event: another(make(), { origin: 'sync', gap: true }),
    launches: [template],
  }))
  const noNews = ASKED.flatMap(([why, template, make]) =>
    [{ origin: 'bootstrap' } as const, { origin: 'audit' } as const, { burst: true }].map(change => ({
      title: `nothing by ${JSON.stringify(change)}: ${template}, ${why}`,
      event: another(make(), change),
      launches: [],
    })),
  )
  const nobody = ASKED.flatMap(([why, template, make]) =>
    NO_LIMITS.slice(0, names).map(host => ({
      title: `nothing on ${JSON.stringify(host)}: ${template}, ${why}`,
      event: another(make(), { host }),
      launches: [],
    })),
  )
  return [...fired, ...twice, ...late, ...noNews, ...nobody, ...againCases(), ...restCases()]
}

/** The same guest again, by another event. */
function againCases(): readonly Case[] {
  const guest = new Guest().look({ labels: asking('onboard') })
  const first = guest.told('reachable')
  const second = another(first, { host: first.data.host }, { uid: guest.uid })
  const label = (value: string): Record<string, string> => ({ 'virtbridge.io/patch': value })
  const patient = new Guest().look().look({ labels: label('CHG-1') })
  const asked = patient.told('labels_changed')
  return [
    { title: 'Day2 | Onboard: it comes', event: first, launches: ['Day2 | Onboard'] },
    { title: 'nothing: it was away for a moment, and comes again', event: second, launches: [] },
    { title: 'Day2 | Patch: it is asked for', event: asked, launches: ['Day2 | Patch'] },
    {
      title: 'Day2 | Patch: it is asked for again, by another value',
      event: patient.look({ labels: label('CHG-2') }).told('labels_changed'),
      launches: ['Day2 | Patch'],
    },
  ]
}

function restCases(): readonly Case[] {
  const windows = (labels: Record<string, string>): VmEvent =>
    new Guest().look({ labels: {} }, { os: WINDOWS }).look({ labels }, { os: WINDOWS }).told('labels_changed')
  const asked = relabelled(ALL)
  const away = { agent_connected: false }
  const left: readonly (readonly [string, VmEvent, readonly string[]])[] = [
    ['Windows is patched', windows(asking('patch')), ['Day2 | Patch']],
    ['Windows is not onboarded', windows(asking('onboard')), []],
    ['Windows is not configured', windows(asking('configure')), []],
    ['nobody knows what it runs', another(asked, {}, { os: { family: '', id: '', name: '', version: '' } }), []],
    ['it does not ask for it', started({ app: 'web' }), []],
    ['it was there before its cluster was adopted', another(started(asking('onboard')), {}, { adopted: true }), []],
    [
      'it was there before its cluster was adopted, and somebody labels it',
      another(relabelled(asking('onboard')), {}, { adopted: true }),
      ['Day2 | Onboard'],
    ],
    ['nobody said yet whether it was there before', withoutAdopted(started(asking('onboard'))), []],
    ['it says no', started({ 'virtbridge.io/onboard': 'false' }), []],
    ['its agent is away', another(asked, {}, away), []],
    ['it has no address', another(asked, {}, { address: '' }), []],
    ['it does not run', another(asked, {}, { status: 'Stopped' }), ['Day2 | Offboard']],
    ['the label is taken away', relabelled({ app: 'web' }, ALL), []],
    ['the label is emptied', relabelled(Object.fromEntries(Object.keys(ALL).map(key => [key, '']))), []],
    ['another label changes', relabelled({ ...ALL, app: 'web' }, ALL), []],
    [
      'its labels were left out',
      another(started(ALL), { trimmed: ['vm.labels'] } as never, { labels: {}, label_list: [] }),
      [],
    ],
    ['it runs, and is to be off-boarded', relabelled(asking('offboard')), []],
    ['it stops, and nobody asked for more', stopped({ app: 'web' }), []],
    ['it is deleted', new Guest().look({ labels: ALL }).gone().told('deleted'), []],
  ]
  const every = { title: 'a guest that is asked for everything at once', event: asked }
  return [
    ...left.map(([title, event, launches]) => ({ title, event, launches })),
    { ...every, launches: ['Day2 | Onboard', 'Day2 | Configure', 'Day2 | Patch'] },
  ]
}

/** With every verb's label on every VM, what a fact launches; whatever is not here launches nothing. */
const BY_FACT: Partial<Record<VmFact, readonly string[]>> = {
  reachable: ['Day2 | Onboard'],
  stopped: ['Day2 | Offboard'],
  guest_changed: ['Day2 | Configure'],
  ...troubles(),
}

function troubles(): Partial<Record<VmFact, readonly string[]>> {
  const facts = ['unreachable', 'address_conflict', 'snapshot_failed', 'restore_failed', 'import_failed'] as const
  return Object.fromEntries(facts.map(fact => [fact, ['Rulebooks | Notify']]))
}

/** Of one cluster that is lost people are told once: `cluster.unreachable` comes right after it in the catalogue. */
const TOLD: ReadonlySet<string> = new Set([
  'cluster.unavailable',
  'cluster.detached',
  'day2.run_stuck',
  'day2.records_lost',
])

/** Every fact of the catalogue: of VMs with every label that asks for something, and with none. */
export function catalogueCases(): readonly Case[] {
  const facts = VM_FACTS.flatMap(fact => {
    const labelled = another(
      sampleOf(fact),
      {},
      { labels: ALL, label_list: Object.entries(ALL).map(pair => pair.join('=')) },
    )
    return [
      { title: `vm.${fact}, of a VM that asks for everything`, event: labelled, launches: BY_FACT[fact] ?? [] },
      { title: `vm.${fact}`, event: sampleOf(fact), launches: troubles()[fact] ?? [] },
    ]
  })
  const others = [...samples()].filter(([name]) => !name.startsWith('vm.'))
  return [
    ...facts,
    ...others.map(([name, event]) => ({ title: name, event, launches: TOLD.has(name) ? ['Rulebooks | Notify'] : [] })),
  ]
}

/** What the other family does beside what the catalogue shows. */
export function troubleCases(): readonly Case[] {
  const all = samples()
  const run = (outcome: string, template = 'Day2 | Patch'): Event => {
    const event = all.get('day2.run_finished') as Event<{ run: object; outcome: string }>
    const id = another(sampleOf('created')).id
    const data = { ...event.data, run: { ...event.data.run, template }, outcome }
    return { ...event, id, data }
  }
  const again = (name: string, data: object): Event => {
    const event = all.get(name) as Event
    return { ...event, id: another(sampleOf('created')).id, data: { ...event.data, ...data } }
  }
  const cluster = (name: string): object => ({ cluster: { name, hub: 'hub1' } })
  const told: readonly (readonly [string, Event, number])[] = [
    ['a run failed', run('failed'), 1],
    ['a run ended, and nobody knows how', run('unknown'), 1],
    ['a run was refused', run('refused'), 1],
    ['a run went well', run('ok'), 0],
    ['a message could not be sent', run('failed', 'Rulebooks | Notify'), 0],
    ['another cluster is lost', again('cluster.unreachable', cluster('prod-2')), 1],
    ['a cluster is lost, for the record', again('cluster.unreachable', { ...cluster('prod-3'), origin: 'audit' }), 0],
    ['it is paused, which is why it is unreachable', another(sampleOf('unreachable'), { reason: 'paused' }), 0],
    [
      'a snapshot had failed before its cluster was adopted',
      another(sampleOf('snapshot_failed'), { origin: 'bootstrap' }),
      0,
    ],
  ]
  const cases = told.map(([title, event, times]) => ({
    title,
    event,
    launches: times === 0 ? [] : ['Rulebooks | Notify'],
  }))
  const twice = { title: 'a run failed, told twice', event: run('failed'), told: 2, launches: ['Rulebooks | Notify'] }
  return [...cases, twice]
}

/** Hostile text in everything that a guest, or who may write to its objects, has a say in. `texts`: how many are tried. */
export function hostileCases(texts: number = HOSTILE.length): readonly Case[] {
  return HOSTILE.slice(0, texts).flatMap(text => {
    const said = { reason: text, message: text, transition: { from: text, to: text } }
    const os = { family: 'linux', id: text, name: text, version: text }
    const descent = { kind: text, from: text, by: text, run: text }
    const vm = { os, descent, node: text, application: text, run_strategy: text, name: text, namespace: text }
    const asked = ASKED.map(([why, template, make]) => {
      const event = make()
      const labels = { ...event.data.vm.labels, 'virtbridge.io/note': text, [text]: text }
      const says = { ...said, changed: [...event.data.changed, text] }
      return {
        title: `${template}: ${why}, who says ${text}`,
        event: another(event, says, { ...vm, labels }),
        launches: [template],
      }
    })
    const value = { 'virtbridge.io/patch': text }
    const family = another(relabelled(ALL), {}, { os: { ...os, family: text } })
    const lost = another(sampleOf('snapshot_failed'), said, {
      ...vm,
      status: text,
      address: text,
      labels: { [text]: text },
    })
    const away = another(relabelled(ALL), {}, { status: text })
    return [
      ...asked,
      { title: `Day2 | Patch: a label that says ${text}`, event: relabelled(value), launches: ['Day2 | Patch'] },
      { title: `an os that says ${text}`, event: family, launches: [] },
      { title: `a status that says ${text}`, event: away, launches: [] },
      { title: `a failed snapshot of who says ${text}`, event: lost, launches: ['Rulebooks | Notify'] },
    ]
  })
}
