import { isDeepStrictEqual } from 'node:util'
import type { Origin } from '../event/index.ts'
import {
  assemble,
  change,
  type Change,
  type Circumstance,
  type Deed,
  type DeedKind,
  type Deeds,
  GuestIndex,
  type Holds,
  mature,
  namedAs,
  nextDue,
  type VmiPart,
  type VmPart,
  type VmRecord,
  type VmService,
} from '../vm/index.ts'
import { type Burst, withDeletion } from './burst.ts'
import { Claims } from './claims.ts'
import { DeedBook } from './deed-book.ts'
import { Disks } from './disks.ts'
import type { ImportBoard } from './imports.ts'
import { DeletionCount, isSuspicious } from './loss.ts'
import { type Missing, missingOf } from './missing.ts'
import { type Inbound, type Of, REQUIRED } from './resources.ts'
import { ServiceBook } from './service-book.ts'

/** A VM whose record changes: its new record (null when it is gone) and the facts that became true. */
export interface Staged extends Change {
  readonly key: string
}

/** Null: a VM that was looked at, and of which nothing changed. So that who takes them can let others have their turn. */
type Looked = Iterable<Staged | null>

type Audited = ReadonlyMap<string, VmPart | VmiPart>

interface FoldOptions {
  readonly cluster: Circumstance['cluster']
  readonly holds: Holds
  readonly adopted: boolean
  /** Records of it are gone from the log: what is first seen was there before, and changes of it were missed. */
  readonly lost?: boolean
  readonly records: Map<string, VmRecord>
  /** How long what was missed is waited for, once it can come; 1,000 ms. */
  readonly catchUpMs?: number
  /** The guests of all clusters, and what plans say of imports; of this cluster alone when left out. */
  readonly guests?: GuestIndex
  readonly imports?: ImportBoard
  /** Deletions of a burst that wait for a person, from another life. */
  readonly burst?: Burst | null
  /** DataVolumes could be read before, in another life: what is wrong with them now is news. */
  readonly disksKnown?: boolean
  /** Services are watched; not, when left out: then no VM has any. */
  readonly services?: boolean
}

/** A server sends what a watch has missed as soon as it is open. */
const CATCH_UP_MS = 1_000
const LONGEST_CATCH_UP_MS = 10_000

/**
 * One cluster's VMs in memory: what its reflectors said, and what was published of it.
 *
 * No I/O and no clock. `fold` says what changes; the caller makes that durable and then calls `commit`, so memory never runs ahead
 * of the log. A VM is assembled only when VMs and VMIs have both been listed once.
 */
export class ClusterFold {
  readonly #options: FoldOptions
  readonly #records: Map<string, VmRecord>
  readonly #deletions = new DeletionCount()
  #burst: Burst | null
  readonly #deeds = new DeedBook()
  readonly #claims = new Claims()
  readonly #disks = new Disks()
  #disksAreNew: boolean
  readonly #services: ServiceBook | null
  readonly #guests: GuestIndex
  #vms: ReadonlyMap<string, VmPart> & Map<string, VmPart> = new Map()
  #vmis: Map<string, VmiPart> = new Map()
  /** Resources that were listed as a whole once. */
  readonly #listed = new Set<Of>()
  #vmisReadable = true
  /** Resources that are looked after now. While one is not, nothing that waits has lasted: nobody could have seen it end. */
  readonly #seen = new Set<Of>()
  #adopted: boolean
  /** Since and until when more may be on its way of what happened already: nothing that waits is told before. */
  #behind = { since: 0, until: 0 }

  constructor(options: FoldOptions) {
    this.#options = options
    this.#records = options.records
    this.#adopted = options.adopted
    this.#guests = options.guests ?? new GuestIndex()
    this.#burst = options.burst ?? null
    this.#disksAreNew = options.disksKnown !== true
    this.#services = options.services === true ? new ServiceBook() : null
    for (const record of options.records.values()) this.#guests.replace(null, record)
  }

  /** True when every required resource has been listed as a whole. */
  get complete(): boolean {
    return REQUIRED.every(of => this.#listed.has(of))
  }

  /** Deletions of a burst that wait for a person. */
  get burst(): Burst | null {
    return this.#burst
  }

  /** A person has seen them. */
  endBurst(): void {
    this.#burst = null
  }

  /** True once it was seen what is wrong with disks, or when it was in another life. */
  get disksKnown(): boolean {
    return !this.#disksAreNew
  }

  get size(): number {
    return this.#records.size
  }

  /** Known VMs that the last list did not have. */
  get missing(): readonly string[] {
    return this.complete ? [...this.#records.keys()].filter(key => !this.#vms.has(key)) : []
  }

  /** Which these are, when they are too many to be believed. */
  get doubted(): Missing | null {
    if (!this.held) return null
    return missingOf(this.missing.map(key => [key, this.#records.get(key)?.uid ?? '']))
  }

  /** True when so many are missing that nothing is inferred from it until a person confirms. */
  get held(): boolean {
    return isSuspicious(this.#records.size, this.missing.length)
  }

  /** A person says that what is missing now is really gone. */
  *confirm(now: number): Iterable<Staged> {
    for (const key of this.missing) yield* this.#look(key, now, 'sync', false)
  }

  /** Adoption is over: what appears from here on is new. */
  adopt(): void {
    this.#adopted = true
  }

  /** Takes in what a reflector said; yields what changes, one VM at a time, each on top of those before. */
  *fold(inbound: Inbound, now: number): Looked {
    const { observed } = inbound
    if (inbound.of === 'service') this.#services?.take(inbound.observed)
    else if (inbound.of !== 'vm' && inbound.of !== 'vmi') yield* this.#aside(inbound, now)
    else if (observed.kind === 'changed' || observed.kind === 'gone') yield* this.#one(inbound, now)
    else if (observed.kind === 'ended') this.#seen.delete(inbound.of)
    else if (observed.kind === 'audited') yield* this.#audit(inbound.of, observed.objects as Audited, now)
    else if (observed.kind === 'unavailable') {
      const { kind } = observed.error
      this.#seen.delete(inbound.of)
      this.#guests.see(this.#options.cluster.uid, false)
      if (inbound.of === 'vmi' && (kind === 'forbidden' || kind === 'absent')) this.#vmisReadable = false
    } else yield* this.#whole(inbound, now)
  }

  /** A list, or a watch that goes on from one: VMIs can be read (again), and what was missed comes after. */
  *#whole({ of, observed }: Inbound, now: number): Looked {
    // A watch that goes on begins with what it missed; a list has it all.
    if (observed.kind === 'watching' && !this.#seen.has(of)) this.behind(now)
    this.#seen.add(of)
    if (this.#watched) this.#guests.see(this.#options.cluster.uid, true)
    const again = of === 'vmi' && !this.#vmisReadable
    if (of === 'vmi') this.#vmisReadable = true
    if (observed.kind === 'listed') {
      if (of === 'vm') this.#vms = new Map((observed as { objects: ReadonlyMap<string, VmPart> }).objects)
      else this.#vmis = new Map((observed as { objects: ReadonlyMap<string, VmiPart> }).objects)
      this.#listed.add(of)
    }
    if (this.complete && (again || observed.kind === 'listed')) yield* this.resync(now)
  }

  /** Compares everything with what is stored. VMs that are missing are left out while `held`. */
  *resync(now: number): Looked {
    const gone = this.held ? [] : this.missing
    for (const key of [...gone, ...this.#vms.keys()]) {
      yield* this.#look(key, now, 'sync', false)
      yield null
    }
    if (this.#disks.known) this.#disksAreNew = false
  }

  /** A second list, at the same place as the watch: what differs was lost on the way here. */
  *#audit(of: 'vm' | 'vmi', objects: Audited, now: number): Looked {
    if (!this.complete) return
    const known: Audited = of === 'vm' ? this.#vms : this.#vmis
    const differ = [...new Set([...known.keys(), ...objects.keys()])].filter(
      key => !sameObject(known.get(key), objects.get(key)),
    )
    if (of === 'vm') this.#vms = new Map(objects as ReadonlyMap<string, VmPart>)
    else this.#vmis = new Map(objects as ReadonlyMap<string, VmiPart>)
    const { held } = this
    for (const key of differ) if (!held || this.#vms.has(key)) yield* this.#look(key, now, 'audit', false)
  }

  /** Looks at the VMs of imports of which something changed, and takes them out of the set. */
  *lookAtImports(changed: Set<string>, now: number): Iterable<Staged> {
    if (!this.complete) return
    if (changed.size === 0) return
    const about = [...this.#vms.values()].filter(({ importKey }) => changed.has(importKey))
    changed.clear()
    for (const { key } of about) yield* this.#look(key, now, 'live', false)
  }

  /** Looks at the VMs that other Services lead to by now. */
  *lookAtServices(now: number): Looked {
    if (!this.complete || this.#services === null) return
    for (const key of this.#services.changed() ?? this.#vms.keys()) {
      const known = this.#records.get(key)?.services ?? []
      if (this.#vms.has(key) && !isDeepStrictEqual(known, this.#services.of(key)))
        yield* this.#look(key, now, 'live', false)
      yield null
    }
  }

  /** The VM that a word of a reflector is about, as far as it is known. */
  keyOf({ of, observed }: Inbound): string {
    if ((observed.kind !== 'changed' && observed.kind !== 'gone') || of === 'service') return ''
    const { object } = observed
    if (of === 'claim' || of === 'disk') return ('vm' in object && object.vm) || this.#bootedFrom(object.key)
    return 'vm' in object ? object.vm : object.key
  }

  /** Tells what has waited long enough. */
  *mature(now: number): Iterable<Staged> {
    if (!this.#watched || now < this.#behind.until) return
    for (const [key, record] of this.#records) {
      const due = nextDue(record)
      if (due !== null && due <= now) yield* stage(key, record, mature(record, this.#circumstance(now, 'live', false)))
    }
  }

  /** When the next waiting fact is due, or null: none is while the cluster can not be seen. */
  nextDue(): number | null {
    if (!this.#watched) return null
    let next: number | null = null
    for (const record of this.#records.values()) {
      const due = nextDue(record)
      if (due !== null && (next === null || due < next)) next = due
    }
    return next === null ? null : Math.max(next, this.#behind.until)
  }

  /**
   * What is known is older than it seems: a watch was away, or its reader. The rest comes at once, and is waited for; of watches that
   * end again and again not for ever.
   */
  behind(now: number): void {
    const catchUpMs = this.#options.catchUpMs ?? CATCH_UP_MS
    const since = now > this.#behind.until + catchUpMs ? now : this.#behind.since
    this.#behind = { since, until: Math.min(now + catchUpMs, since + LONGEST_CATCH_UP_MS) }
  }

  /** What was staged is durable: memory moves on. */
  commit(staged: Staged): void {
    this.#guests.replace(this.#records.get(staged.key) ?? null, staged.record)
    if (staged.record === null) this.#records.delete(staged.key)
    else this.#records.set(staged.key, staged.record)
  }

  get #watched(): boolean {
    return this.complete && REQUIRED.every(of => this.#seen.has(of))
  }

  *#one(inbound: Inbound, now: number): Iterable<Staged> {
    const { kind, object } = inbound.observed as { kind: 'changed' | 'gone'; object: VmPart | VmiPart }
    const parts: Map<string, VmPart | VmiPart> = inbound.of === 'vm' ? this.#vms : this.#vmis
    const known = this.#records.get(object.key)
    const uid = parts.get(object.key)?.uid ?? (inbound.of === 'vm' ? known?.uid : undefined)
    if (kind === 'changed') parts.set(object.key, object)
    // A late word about an incarnation that another has replaced changes nothing.
    else if (uid !== object.uid) return
    else parts.delete(object.key)
    // What befalls the VMI of a VM that a list lacked says nothing about the VM.
    if (!this.complete || (inbound.of === 'vmi' && !this.#vms.has(object.key))) return
    const vanished = inbound.of === 'vm' && kind === 'gone' && known !== undefined
    const burst = vanished && this.#deletions.add(now, this.#vms.size)
    if (burst) this.#burst = withDeletion(this.#burst, { key: object.key, uid: object.uid }, now)
    yield* this.#look(object.key, now, 'live', burst)
  }

  /** What is not of the VM and its boot: deeds, claims and disks. A list of them may hide what came before it, as any list does. */
  *#aside(inbound: Exclude<Inbound, { of: 'vm' | 'vmi' | 'service' }>, now: number): Looked {
    const { of, observed } = inbound
    if (observed.kind === 'audited' && of !== 'claim' && of !== 'disk') {
      yield* this.#auditDeeds(of, observed.objects, now)
      return
    }
    const about = new Set(this.#takeAside(inbound))
    if (!this.complete) return
    const whole = observed.kind === 'listed' || observed.kind === 'audited'
    const origin = observed.kind === 'audited' ? 'audit' : whole ? 'sync' : 'live'
    for (const vm of whole ? this.#vms.values() : this.#named(about)) {
      if (whole && !about.has(vm.key) && !this.#isBehind(vm, of)) continue
      yield* this.#look(vm.key, now, origin, false)
      yield null
    }
    if (whole && of === 'disk') this.#disksAreNew = false
  }

  /** The VMs for which something may have changed, of a list those that it names. */
  #takeAside(inbound: Exclude<Inbound, { of: 'vm' | 'vmi' | 'service' }>): readonly string[] {
    const { of, observed } = inbound
    if (of === 'disk') return this.#disks.take(observed) ? [this.keyOf(inbound)] : []
    if (of !== 'claim') return this.#deeds.take(of, observed)
    this.#claims.take(observed)
    return [this.keyOf(inbound)]
  }

  #named(keys: ReadonlySet<string>): readonly VmPart[] {
    return [...keys].map(key => this.#vms.get(key)).filter(vm => vm !== undefined)
  }

  /**
   * Whether a list that does not name a VM says something of it: another uid of its claim, other trouble with a disk; or that a kind is known from now on, else
   * its first deed would not be news.
   */
  #isBehind(vm: VmPart, of: 'claim' | 'disk' | DeedKind): boolean {
    const record = this.#records.get(vm.key)
    if (of === 'disk') return (record?.seen.hindered_by ?? '') !== (this.#disks.troubleOf(vm) ?? '')
    if (of !== 'claim') return of !== 'clone' && record?.knows?.split(' ').includes(of) !== true
    const roots = [vm.rootClaim, this.#vmis.get(vm.key)?.rootClaim ?? ''].filter(name => name !== '')
    return roots.some(name => !['', record?.seen.claim].includes(this.#claims.uidOf(`${vm.namespace}/${name}`)))
  }

  *#auditDeeds(of: DeedKind, objects: ReadonlyMap<string, Deed>, now: number): Looked {
    const deedsOf = (key: string): string => JSON.stringify(this.#deeds.of(key))
    const known = new Map([...this.#vms.keys()].map(key => [key, deedsOf(key)]))
    this.#deeds.take(of, { kind: 'listed', objects, resourceVersion: '' })
    if (!this.complete) return
    for (const [key, deeds] of known) if (deeds !== deedsOf(key)) yield* this.#look(key, now, 'audit', false)
  }

  /** The VM whose root disk a claim is. Claims change seldom, so that nothing is kept to find it. */
  #bootedFrom(claim: string): string {
    const slash = claim.indexOf('/')
    const [namespace, name] = [claim.slice(0, slash), claim.slice(slash + 1)]
    for (const vm of this.#vms.values())
      if (vm.namespace === namespace && [vm.rootClaim, this.#vmis.get(vm.key)?.rootClaim].includes(name)) return vm.key
    return ''
  }

  #deedsOf(vm: VmPart): Deeds {
    const imports = this.#options.imports?.of(vm.importKey) ?? null
    return imports === null ? this.#deeds.of(vm.key) : { ...this.#deeds.of(vm.key), import: imports }
  }

  /** A boot has the labels that its pod was made with, whatever the VM's template says by now. */
  #served(vm: VmPart, vmi: VmiPart | null | 'unknown'): { readonly services?: readonly VmService[] | null } {
    if (this.#services === null) return {}
    const { domain, vmLabel } = vmi !== 'unknown' && vmi?.owner === vm.uid ? vmi : vm
    this.#services.place(vm.key, namedAs({ name: vm.name, domain, vmLabel }))
    return { services: this.#services.of(vm.key) }
  }

  *#look(key: string, now: number, origin: Origin, burst: boolean): Iterable<Staged> {
    const before = this.#records.get(key) ?? null
    const vm = this.#vms.get(key)
    if (vm === undefined) {
      this.#services?.place(key, null)
      if (before !== null) yield* stage(key, before, change(before, null, this.#circumstance(now, origin, burst)))
      return
    }
    const vmi = this.#vmisReadable ? (this.#vmis.get(key) ?? null) : 'unknown'
    const known = before !== null && before.uid === vm.uid ? before.seen : null
    const claimOf = (name: string): string => this.#claims.uidOf(`${vm.namespace}/${name}`)
    const seen = assemble(vm, vmi, known, claimOf, this.#disks.troubleOf(vm))
    const sighting = { vm, seen, deeds: this.#deedsOf(vm), ...this.#served(vm, vmi) }
    yield* stage(key, before, change(before, sighting, this.#circumstance(now, origin, burst)))
  }

  #circumstance(now: number, origin: Origin, burst: boolean): Circumstance {
    const { cluster, holds } = this.#options
    const guests = this.#guests
    // What was there before its cluster was adopted was not missed: there is no gap before the beginning; but there is when the log forgot it.
    return {
      now,
      cluster,
      holds,
      guests,
      origin,
      burst,
      gap: (origin === 'sync' || origin === 'audit') && (this.#adopted || this.#options.lost === true),
      adopting: !this.#adopted,
      disksAreNew: this.#disksAreNew,
    }
  }
}

/** Nothing is staged when all that moved is the resourceVersion. */
function* stage(key: string, before: VmRecord | null, next: Change): Iterable<Staged> {
  if (next.facts.length === 0 && before !== null && next.record !== null && same(before, next.record)) return
  yield { key, ...next }
}

function sameObject(one: VmPart | VmiPart | undefined, other: VmPart | VmiPart | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  if (one.uid === other.uid && one.resourceVersion === other.resourceVersion) return true
  return isDeepStrictEqual({ ...one, resourceVersion: '' }, { ...other, resourceVersion: '' })
}

function same(before: VmRecord, after: VmRecord): boolean {
  return JSON.stringify({ ...before, resource_version: '' }) === JSON.stringify({ ...after, resource_version: '' })
}
