import {
  assemble,
  change,
  type Change,
  type Circumstance,
  type Deed,
  type Deeds,
  isDue,
  leave,
  mature,
  NO_DESCENT,
  type Rival,
  waitOf,
} from '../../src/vm/index.ts'
import type { Fact, VmiPart, VmPart, VmRecord } from '../../src/vm/index.ts'

export const HOLDS = { stopped: 20_000, reachable: 5_000, unreachable: 60_000, address: 10_000 }
export const CLUSTER = { name: 'prod-1', hub: 'hub1', uid: 'cluster-uid' }

/** A VM as the projection gives it, a running RHEL one unless told. */
export function vm(values: Partial<VmPart> = {}): VmPart {
  return {
    key: 'shop/web-1',
    namespace: 'shop',
    name: 'web-1',
    uid: 'vm-1',
    resourceVersion: '1',
    createdAt: 1_000,
    deleting: false,
    runStrategy: 'Always',
    status: 'Running',
    labels: {},
    instancetype: 'u1.medium',
    declaredOs: 'rhel9',
    firmwareUuid: 'firmware-1',
    rootClaim: 'web-1-root',
    stopAsked: '',
    restartRequired: false,
    failedBoots: 0,
    failedBoot: '',
    application: '',
    descent: NO_DESCENT,
    importKey: '',
    domain: '',
    vmLabel: '',
    ...values,
  }
}

/** Its VMI: running on node-1 with an agent and an address unless told. */
export function vmi(values: Partial<VmiPart> & { address?: string } = {}): VmiPart {
  const { address = '10.0.0.1', ...rest } = values
  const nic = { address, network: 'default', interface: 'eth0', source: 'platform' as const, pod: true }
  return {
    key: 'shop/web-1',
    uid: 'boot-1',
    resourceVersion: '1',
    owner: 'vm-1',
    phase: 'Running',
    deleting: false,
    node: 'node-1',
    paused: false,
    pausedBecause: '',
    end: '',
    reason: '',
    rootClaim: 'web-1-root',
    kernel: '5.14.0-427',
    agentConnected: true,
    firmwareUuid: 'firmware-1',
    domain: '',
    vmLabel: '',
    os: { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '9.4' },
    addresses: address === '' ? [] : [nic],
    migrated: { uid: '', from: '', to: '' },
    migrationFailed: { uid: '', from: '', to: '', reason: '' },
    ...rest,
  }
}

/** A snapshot of it that has succeeded, unless told. */
export function deed(values: Partial<Deed> = {}): Deed {
  const uid = values.uid ?? 'deed-1'
  return {
    kind: 'snapshot',
    key: `shop/${uid}`,
    uid,
    vm: 'shop/web-1',
    vmUid: '',
    at: 10_000,
    began: 9_000,
    outcome: 'succeeded',
    from: '',
    to: uid,
    reason: '',
    internal: false,
    ...values,
  }
}

/** One VM name over time, on a clock of its own: what was told of it, in order. */
export class Story {
  now = 1_700_000_000_000
  record: VmRecord | null = null
  readonly facts: Fact[] = []
  /** The uid of each claim that can be read, by its name. */
  claims: Readonly<Record<string, string>> = {}
  /** What was done to the VM, of the kinds that can be read. */
  deeds: Deeds = {}
  /** Who has the better claim to its address; undefined: nobody knows. */
  rival: Rival | null | undefined = undefined

  /** The facts so far, by name. */
  get told(): string[] {
    return this.facts.map(fact => fact.fact)
  }

  get last(): Fact {
    const fact = this.facts.at(-1)
    if (fact === undefined) throw new Error('nothing was told yet')
    return fact
  }

  /** What is seen now; null: there is no such VM. */
  look(part: VmPart | null, boot: VmiPart | null | 'unknown' = null, how: Partial<Circumstance> = {}): this {
    const known = this.record !== null && this.record.uid === part?.uid ? this.record.seen : null
    const claimOf = (name: string): string => this.claims[name] ?? ''
    const sighting = part === null ? null : { vm: part, seen: assemble(part, boot, known, claimOf), deeds: this.deeds }
    return this.#take(change(this.record, sighting, this.#circumstance(how)))
  }

  /** Time passes, and what is due is told. */
  wait(ms: number): this {
    this.now += ms
    const wait = this.record === null ? null : waitOf(this.record)
    if (this.record !== null && wait !== null && isDue(wait, this.now))
      this.#take(mature(this.record, this.#circumstance()))
    return this
  }

  /** From now on these claims and deeds can be read. */
  with(values: { claims?: Readonly<Record<string, string>>; deeds?: Deeds; rival?: Rival | null }): this {
    if (values.rival !== undefined) this.rival = values.rival
    this.claims = values.claims ?? this.claims
    this.deeds = { ...this.deeds, ...values.deeds }
    return this
  }

  /** Its cluster leaves the selection. */
  leave(): this {
    return this.record === null ? this : this.#take(leave(this.record, this.#circumstance(), 'it left the selection'))
  }

  /** As if the bridge began anew with what it had stored. */
  restart(): this {
    this.record = JSON.parse(JSON.stringify(this.record)) as VmRecord | null
    return this
  }

  #take({ facts, record }: Change): this {
    this.facts.push(...facts)
    this.record = record
    return this
  }

  #circumstance(how: Partial<Circumstance> = {}): Circumstance {
    const usual = { adopting: false, origin: 'live', gap: false, burst: false } as const
    const { rival } = this
    const contests = rival === undefined ? {} : { contests: { rivalOf: () => rival } }
    return { now: this.now, cluster: CLUSTER, holds: HOLDS, ...usual, ...contests, ...how }
  }
}

/** A VM that is created, boots, and is reachable: created, started, reachable. */
export function reachable(): Story {
  return new Story().look(vm(), vmi()).wait(HOLDS.reachable)
}
