import { isDeepStrictEqual } from 'node:util'
import type { Origin } from '../event/index.ts'
import { change, GuestIndex, type Keep, mature, type VmiPart, type VmPart, type VmRecord } from '../vm/index.ts'
import { type Burst, Deletions } from './burst.ts'
import type { ImportBoard } from './imports.ts'
import { isSuspicious } from './loss.ts'
import { type Missing, missingOf } from './missing.ts'
import type { Inbound } from './resources.ts'
import { type Aside, Scene } from './scene.ts'
import { Sight } from './sight.ts'
import { type Looked, stage, type Staged } from './staged.ts'
import { Standpoint, type StandpointOptions } from './standpoint.ts'
import { Waits } from './waits.ts'

type Parts = ReadonlyMap<string, VmPart | VmiPart>

interface FoldOptions extends StandpointOptions {
  /** What is on record: kept up with what is committed. */
  readonly records: Keep<VmRecord>
  /** How long what was missed is waited for, once it can come; 1,000 ms. */
  readonly catchUpMs?: number
  /** The guests of all clusters, and what plans say of imports; of this cluster alone when left out. */
  readonly guests?: GuestIndex
  readonly imports?: ImportBoard
  /** Deletions of a burst that wait for a person, from another life. */
  readonly burst?: Burst | null
  /** Services are watched; not, when left out: then no VM has any. */
  readonly services?: boolean
}

/**
 * One cluster's VMs in memory: what its reflectors said (`Scene`), and what was published of it.
 *
 * No I/O and no clock. `fold` says what changes; the caller makes that durable and then calls `commit`, so memory never runs ahead
 * of the log. A VM is assembled only when VMs and VMIs have both been listed once.
 */
export class ClusterFold {
  readonly #options: FoldOptions
  readonly #records: Keep<VmRecord>
  readonly #scene: Scene
  readonly #waits = new Waits()
  readonly #deletions: Deletions
  readonly #sight: Sight
  readonly #guests: GuestIndex
  readonly #standpoint: Standpoint

  constructor(options: FoldOptions) {
    this.#options = options
    this.#records = options.records
    this.#scene = new Scene({ services: options.services === true, imports: options.imports })
    this.#sight = new Sight(options.catchUpMs)
    this.#guests = options.guests ?? new GuestIndex()
    this.#standpoint = new Standpoint(options, this.#guests)
    this.#deletions = new Deletions(options.burst ?? null)
    this.#guests.attach(options.cluster.name, options.records)
    for (const [key, record] of options.records) {
      this.#guests.replace(null, record)
      this.#waits.note(key, record)
    }
  }

  /** True when every required resource has been listed as a whole. */
  get complete(): boolean {
    return this.#scene.complete
  }

  /** Deletions of a burst that wait for a person. */
  get burst(): Burst | null {
    return this.#deletions.burst
  }

  /** A person has seen them. */
  endBurst(): void {
    this.#deletions.confirm()
  }

  /** True once it was seen what is wrong with disks, or when it was in another life. */
  get disksKnown(): boolean {
    return this.#standpoint.disksKnown
  }

  get size(): number {
    return this.#records.size
  }

  /** Known VMs that the last list did not have. */
  get missing(): readonly string[] {
    return this.complete ? [...this.#records.keys()].filter(key => !this.#scene.hasVm(key)) : []
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
    this.#standpoint.adopt()
  }

  /** Takes in what a reflector said; yields what changes, one VM at a time, each on top of those before. */
  *fold(inbound: Inbound, now: number): Looked {
    const { observed } = inbound
    if (inbound.of === 'service') this.#scene.services?.take(inbound.observed)
    else if (inbound.of !== 'vm' && inbound.of !== 'vmi') yield* this.#aside(inbound, now)
    else if (observed.kind === 'changed' || observed.kind === 'gone') yield* this.#one(inbound, now)
    else if (observed.kind === 'ended') this.#sight.lose(inbound.of)
    else if (observed.kind === 'audited') yield* this.#audit(inbound.of, observed.objects as Parts, now)
    else if (observed.kind === 'unavailable') {
      const { kind } = observed.error
      this.#sight.lose(inbound.of)
      this.#guests.see(this.#options.cluster.uid, false)
      if (inbound.of === 'vmi' && (kind === 'forbidden' || kind === 'absent')) this.#scene.readVmis(false)
    } else yield* this.#whole(inbound, now)
  }

  /** Compares everything with what is stored. VMs that are missing are left out while `held`. */
  *resync(now: number): Looked {
    const gone = this.held ? [] : this.missing
    for (const key of [...gone, ...this.#scene.vmKeys()]) {
      yield* this.#look(key, now, 'sync', false)
      yield null
    }
    if (this.#scene.disksKnown) this.#standpoint.knowDisks()
  }

  /** Looks at the VMs of imports of which something changed, and takes them out of the set. */
  *lookAtImports(changed: Set<string>, now: number): Iterable<Staged> {
    if (!this.complete || changed.size === 0) return
    const about = new Set(this.#scene.importedBy(changed))
    changed.clear()
    for (const key of about) yield* this.#look(key, now, 'live', false)
  }

  /** Looks at the VMs that lost their address to another one, or have it back, by their keys on the log; takes them out of the set. */
  *lookAtContests(changed: Set<string>, now: number): Iterable<Staged> {
    if (!this.complete || changed.size === 0) return
    const prefix = `${this.#options.cluster.name}/`
    const about = [...changed].map(key => key.slice(prefix.length)).filter(key => this.#scene.hasVm(key))
    changed.clear()
    for (const key of about) yield* this.#look(key, now, 'live', false)
  }

  /** Looks at the VMs that other Services lead to by now. */
  *lookAtServices(now: number): Looked {
    const { services } = this.#scene
    if (!this.complete || services === null) return
    for (const key of services.changed() ?? this.#scene.vmKeys()) {
      const known = this.#records.get(key)?.services ?? []
      if (this.#scene.hasVm(key) && !isDeepStrictEqual(known, services.of(key)))
        yield* this.#look(key, now, 'live', false)
      yield null
    }
  }

  /** The VM that a word of a reflector is about, as far as it is known. */
  keyOf(inbound: Inbound): string {
    return this.#scene.keyOf(inbound)
  }

  /** Tells what has waited long enough. */
  *mature(now: number): Iterable<Staged> {
    if (this.#isBehind(now)) return
    for (const key of this.#waits.until(now)) {
      const record = this.#records.get(key)
      if (record !== undefined) yield* stage(key, record, mature(record, this.#standpoint.at(now, 'live')))
    }
  }

  /** When the next waiting fact is due, or null: none is while the cluster can not be seen. */
  nextDue(): number | null {
    const next = this.#watched ? this.#waits.next() : null
    return next === null ? null : Math.max(next, this.#sight.caughtUpAt)
  }

  /** What is known is older than it seems: a watch was away, or its reader. */
  behind(now: number): void {
    this.#sight.behind(now)
  }

  /** Nobody looks after a resource until it is listed anew: what waits has not lasted meanwhile. */
  lookAway(of: 'vm' | 'vmi'): void {
    this.#sight.lose(of)
  }

  /** What was staged is durable: memory moves on. */
  commit({ key, before, record }: Staged): void {
    this.#guests.replace(before, record)
    this.#waits.note(key, record)
    if (record === null) this.#records.delete(key)
    else this.#records.set(key, record)
  }

  get #watched(): boolean {
    return this.complete && this.#sight.whole
  }

  /** A list, or a watch that goes on from one: VMIs can be read (again), and what was missed comes after. */
  *#whole({ of, observed }: Inbound, now: number): Looked {
    this.#sight.open(of, observed.kind === 'watching' ? 'watch' : 'list', now)
    if (this.#watched) this.#guests.see(this.#options.cluster.uid, true)
    const again = of === 'vmi' && this.#scene.readVmis(true)
    if (observed.kind === 'listed') this.#scene.list(of as 'vm' | 'vmi', observed.objects as Parts)
    if (this.complete && (again || observed.kind === 'listed')) yield* this.resync(now)
  }

  /** A second list, at the same place as the watch: what differs was lost on the way here. */
  *#audit(of: 'vm' | 'vmi', objects: Parts, now: number): Looked {
    if (!this.complete) return
    const differ: string[] = []
    for (const key of this.#scene.differing(of, objects)) {
      if (key !== null) differ.push(key)
      yield null
    }
    this.#scene.list(of, objects)
    const { held } = this
    for (const key of differ) if (!held || this.#scene.hasVm(key)) yield* this.#look(key, now, 'audit', false)
  }

  *#one(inbound: Inbound, now: number): Iterable<Staged> {
    const { kind, object } = inbound.observed as { kind: 'changed' | 'gone'; object: VmPart | VmiPart }
    const of = inbound.of as 'vm' | 'vmi'
    const { key } = object
    if (kind === 'changed') this.#scene.put(of, object)
    // A late word about an incarnation that another has replaced changes nothing.
    else if (!this.#scene.drop(of, object, this.#records.get(key))) return
    // What befalls the VMI of a VM that a list lacked says nothing about the VM.
    if (!this.complete || (of === 'vmi' && !this.#scene.hasVm(key))) return
    const vanished = of === 'vm' && kind === 'gone' && this.#records.has(key)
    const burst = vanished && this.#deletions.add({ key, uid: object.uid }, this.#scene.vmCount, now)
    yield* this.#look(key, now, 'live', burst)
  }

  /** What is not of the VM and its boot: deeds, claims and disks. A list of them may hide what came before it, as any list does. */
  *#aside(inbound: Aside, now: number): Looked {
    const { of, observed } = inbound
    if (observed.kind === 'audited' && of !== 'claim' && of !== 'disk') {
      const about = this.#scene.auditDeeds(of, observed.objects)
      if (this.complete) for (const key of about) yield* this.#look(key, now, 'audit', false)
      return
    }
    const about = new Set(this.#scene.takeAside(inbound))
    if (!this.complete) return
    const whole = observed.kind === 'listed' || observed.kind === 'audited'
    const origin = observed.kind === 'audited' ? 'audit' : whole ? 'sync' : 'live'
    for (const key of whole ? this.#scene.vmKeys() : about) {
      const isMeant = about.has(key) ? this.#scene.hasVm(key) : this.#scene.isBehind(key, of, this.#records.get(key))
      if (isMeant) yield* this.#look(key, now, origin, false)
      yield null
    }
    if (whole && of === 'disk') this.#standpoint.knowDisks()
  }

  *#look(key: string, now: number, origin: Origin, burst: boolean): Iterable<Staged> {
    const before = this.#records.get(key) ?? null
    const sighting = this.#scene.sighting(key, before)
    if (before === null && sighting === null) return
    yield* stage(key, before, change(before, sighting, this.#standpoint.at(now, origin, burst, this.#isBehind(now))))
  }

  /** What waits may have ended already, and that is not known yet. */
  #isBehind(now: number): boolean {
    return !this.#watched || this.#sight.isBehind(now)
  }
}
