import type { Event, VmEventData } from '../../src/event/index.ts'
import { ALL, ASKED, DONE, relabelled, started, stopped, upgraded, WANTED, WINDOWS, withoutAdopted } from './asked.ts'
import { another, asking, type Case, Guest } from './feed.ts'
import { HOSTILE, NO_LIMITS } from './hostile.ts'
import { left, NOT_THIS, refusedCases, UNREACHED } from './refusal-cases.ts'

type VmEvent = Event<VmEventData>

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
      says: [left(DONE[template] ?? '', 'its host name is no limit')],
    })),
  )
  return [...fired, ...twice, ...late, ...noNews, ...nobody, ...againCases(), ...refusedCases(), ...restCases()]
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
  const windows = new Guest().look({}, { os: WINDOWS }).look({ labels: asking('patch') }, { os: WINDOWS })
  const asked = relabelled(ALL)
  const agentless = { ...ALL, 'virtbridge.io/agent': 'none' }
  const noAgent = { agent_connected: false }
  const cases: readonly (readonly [string, VmEvent, readonly string[]])[] = [
    ['Windows is patched', windows.told('labels_changed'), ['Day2 | Patch']],
    ['it has no agent, as somebody says', another(relabelled(agentless), {}, noAgent), WANTED],
    [
      'it has no agent, as somebody says, and became another',
      another(upgraded({ ...asking('configure'), 'virtbridge.io/agent': 'none' }), {}, noAgent),
      ['Day2 | Configure'],
    ],
    ['it moves to another node, and answers', another(relabelled(ALL), {}, { status: 'Migrating' }), WANTED],
    ['it answers, and its status lags behind', another(relabelled(ALL), {}, { status: 'Starting' }), WANTED],
    ['it does not ask for it', started({ app: 'web' }), []],
    [
      'it was there before its cluster was adopted, and somebody labels it',
      another(relabelled(asking('onboard')), {}, { adopted: true }),
      ['Day2 | Onboard'],
    ],
    ['nobody said yet whether it was there before', withoutAdopted(started(asking('onboard'))), []],
    ['it says no', started({ 'virtbridge.io/onboard': 'false' }), []],
    ['the label is taken away', relabelled({ app: 'web' }, ALL), []],
    ['the label is emptied', relabelled(Object.fromEntries(Object.keys(ALL).map(key => [key, '']))), []],
    ['another label changes', relabelled({ ...ALL, app: 'web' }, ALL), []],
    ['it runs, and is to be off-boarded', relabelled(asking('offboard')), []],
    ['it stops, and nobody asked for more', stopped({ app: 'web' }), []],
    ['it is deleted', new Guest().look({ labels: ALL }).gone().told('deleted'), []],
    ['a guest that is asked for everything at once', asked, WANTED],
  ]
  return cases.map(([title, event, launches]) => ({ title, event, launches }))
}

/** Hostile text in everything that a guest, or who may write to its objects, has a say in. `texts`: how many are tried. */
export function hostileCases(texts: number = HOSTILE.length): readonly Case[] {
  return HOSTILE.slice(0, texts).flatMap(text => {
    const said = { reason: text, message: text, transition: { from: text, to: text } }
    const os = { family: 'linux', id: text, name: text, version: text }
    const descent = { kind: text, from: text, by: text, run: text }
    const names = { name: text, namespace: text, node: text, application: text, run_strategy: text }
    const vm = { ...names, os, descent, address: text }
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
    const away = another(relabelled(ALL), {}, { status: text })
    return [
      ...asked,
      { title: `Day2 | Patch: a label that says ${text}`, event: relabelled(value), launches: ['Day2 | Patch'] },
      { title: `an os that says ${text}`, event: family, launches: [], says: NOT_THIS },
      { title: `a status that says ${text}`, event: away, launches: [], says: UNREACHED },
    ]
  })
}
