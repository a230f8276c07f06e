import { randomUUID } from 'node:crypto'
import { type Event, factId, type VmEventData, type VmFact } from '../../src/event/index.ts'
import type { Entry, Stream } from '../../src/log/index.ts'
import { vmEvent, type VmiPart, type VmPart } from '../../src/vm/index.ts'
import { samples } from '../event/samples.ts'
import { HOLDS, Story, vm as aVm, vmi as aVmi } from '../vm/story.ts'

/** What an event is expected to lead to, when all rulebooks of both families see it. */
export interface Case {
  readonly title: string
  readonly event: Event
  /** As often as that; twice is a duplicate. */
  readonly told?: number
  /** Names of the templates that are launched for it. */
  readonly launches: readonly string[]
  /** What the logs of the rulebooks say of its guest, up to who it is; nothing where this is left out. */
  readonly says?: readonly string[]
}

type VmEvent = Event<VmEventData>
type Look = Parameters<Story['look']>[2]

const ASKING = { onboard: 'true', configure: '2026-11-21', patch: 'CHG-1042', offboard: 'CHG-1043' } as const
type Asked = keyof typeof ASKING

/** Labels that ask for these verbs. */
export function asking(...verbs: readonly Asked[]): Record<string, string> {
  return Object.fromEntries(verbs.map(verb => [`virtbridge.io/${verb}`, ASKING[verb]]))
}

/** A guest of its own, with what the bridge tells of it as it is looked at. */
export class Guest {
  readonly uid = randomUUID()
  readonly #name = `vm-${this.uid.slice(0, 8)}`
  readonly #story = new Story()

  /** It is seen like this, and stays so for long enough. */
  look(vm: Partial<VmPart> = {}, boot: Parameters<typeof aVmi>[0] | null = {}, how: Look = {}): this {
    const key = `shop/${this.#name}`
    const part = aVm({ uid: this.uid, key, name: this.#name, firmwareUuid: this.uid, ...vm })
    const running: VmiPart | null =
      boot === null ? null : aVmi({ key, uid: `boot-${this.uid}`, owner: this.uid, ...boot })
    this.#story.look(part, running, how).wait(HOLDS.unreachable)
    return this
  }

  /** It is asked to stop, and does. */
  stop(labels: Record<string, string> = {}): this {
    return this.look({ labels, status: 'Stopped', runStrategy: 'Halted' }, null)
  }

  gone(how: Look = {}): this {
    this.#story.look(null, null, how)
    return this
  }

  /** The last event of a fact of it, as the bridge makes it. */
  told(fact: VmFact): VmEvent {
    const found = this.#story.facts.findLast(one => one.fact === fact)
    if (found === undefined) throw new Error(`not told: ${fact}, but ${this.#story.told.join(', ')}`)
    return vmEvent(found, this.#story.now)
  }
}

/** The same about another VM, as if it had been told of that one, with these changes of its data. */
export function another(event: VmEvent, data: Partial<VmEventData> = {}, vm: Partial<VmEventData['vm']> = {}): VmEvent {
  const uid = randomUUID()
  const name = `vm-${uid.slice(0, 8)}`
  const host = `${name}.shop.prod-1`
  return {
    ...event,
    subject: `prod-1/shop/${name}`,
    id: factId('', uid, event.data.fact, []),
    data: { ...event.data, host, ...data, vm: { ...event.data.vm, uid, ...vm } },
  }
}

/** The sample of a fact, about another VM. */
export function sampleOf(fact: VmFact): VmEvent {
  const found = samples().get(`vm.${fact}`)
  if (found === undefined) throw new Error(`no sample of ${fact}`)
  return another(found as VmEvent)
}

/** Where an event goes. */
export function entryOf(event: Event): Entry {
  const stream = `events.${event.type.split('.')[2] ?? ''}` as Stream
  return { stream, key: event.subject, value: event }
}
