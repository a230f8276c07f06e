import { isDeepStrictEqual } from 'node:util'
import {
  assemble,
  type Deed,
  type DeedKind,
  type Deeds,
  namedAs,
  PackedMap,
  type Sighting,
  type VmiPart,
  type VmPart,
  type VmRecord,
  type VmService,
} from '../vm/index.ts'
import { Claims } from './claims.ts'
import { DeedBook } from './deed-book.ts'
import { Disks } from './disks.ts'
import type { ImportBoard } from './imports.ts'
import { type Inbound, type Of, REQUIRED } from './resources.ts'
import { ServiceBook } from './service-book.ts'

/** What is said of a VM by objects beside it and its boot. */
export type Aside = Exclude<Inbound, { of: 'vm' | 'vmi' | 'service' }>

type Parts = ReadonlyMap<string, VmPart | VmiPart>

/**
 * What the reflectors of one cluster said of its objects, as it is now: the parts of each VM, and what is seen of it by them. No I/O and
 * no clock. Parts are held packed (docs/decisions/0023-vms-at-rest.md).
 */
export class Scene {
  readonly services: ServiceBook | null
  readonly #imports: ImportBoard | undefined
  readonly #deeds = new DeedBook()
  readonly #claims = new Claims()
  readonly #disks = new Disks()
  #vms = new PackedMap<VmPart>()
  #vmis = new PackedMap<VmiPart>()
  /** What was said last is what is looked at next: it need not be made anew. */
  #last: { readonly of: 'vm' | 'vmi'; readonly object: VmPart | VmiPart } | null = null
  #vmisReadable = true
  /** Resources that were listed as a whole once. */
  readonly #listed = new Set<Of>()

  constructor(options: { readonly services: boolean; readonly imports?: ImportBoard | undefined }) {
    this.services = options.services ? new ServiceBook() : null
    this.#imports = options.imports
  }

  /** True when every required resource has been listed as a whole. */
  get complete(): boolean {
    return REQUIRED.every(of => this.#listed.has(of))
  }

  get disksKnown(): boolean {
    return this.#disks.known
  }

  get vmCount(): number {
    return this.#vms.size
  }

  hasVm(key: string): boolean {
    return this.#vms.has(key)
  }

  /** Key of every VM. */
  vmKeys(): Iterable<string> {
    return this.#vms.keys()
  }

  /** All objects of a kind, as a list has them. */
  list(of: 'vm' | 'vmi', objects: Parts): void {
    if (of === 'vm') this.#vms = own(objects as ReadonlyMap<string, VmPart>)
    else this.#vmis = own(objects as ReadonlyMap<string, VmiPart>)
    this.#last = null
    this.#listed.add(of)
  }

  /** VMIs can be read, or not; true when they can be again. */
  readVmis(readable: boolean): boolean {
    const again = readable && !this.#vmisReadable
    this.#vmisReadable = readable
    return again
  }

  /** An object is so now. It is looked at with the other part of its VM, and likely so again. */
  put(of: 'vm' | 'vmi', object: VmPart | VmiPart): void {
    const { key } = object
    if (of === 'vm') this.#vms.set(key, object as VmPart)
    else this.#vmis.set(key, object as VmiPart)
    const other: PackedMap<VmPart> | PackedMap<VmiPart> = of === 'vm' ? this.#vmis : this.#vms
    other.warm(key)
    this.#last = { of, object }
  }

  /** An object is gone; false for a late word about one that another has replaced. `known`: the VM by its record. */
  drop(of: 'vm' | 'vmi', object: VmPart | VmiPart, known: VmRecord | undefined): boolean {
    const parts: PackedMap<VmPart> | PackedMap<VmiPart> = of === 'vm' ? this.#vms : this.#vmis
    const uid = parts.get(object.key)?.uid ?? (of === 'vm' ? known?.uid : undefined)
    if (uid !== object.uid) return false
    this.#last = null
    parts.delete(object.key)
    return true
  }

  /** Keys of what a second list has otherwise than is known; null for one that is alike. */
  *differing(of: 'vm' | 'vmi', objects: Parts): Iterable<string | null> {
    const known: Parts = of === 'vm' ? this.#vms : this.#vmis
    for (const key of new Set([...known.keys(), ...objects.keys()]))
      yield isAlike(known.get(key), objects.get(key)) ? null : key
  }

  /** Takes in what was said beside VMs and boots; gives the VMs for which something may have changed, of a list those that it names. */
  takeAside(inbound: Aside): readonly string[] {
    const { of, observed } = inbound
    if (of === 'disk') return this.#disks.take(observed) ? [this.keyOf(inbound)] : []
    if (of !== 'claim') return this.#deeds.take(of, observed)
    this.#claims.take(observed)
    return [this.keyOf(inbound)]
  }

  /** A second list of deeds; gives the VMs of which it knows others. */
  auditDeeds(of: DeedKind, objects: ReadonlyMap<string, Deed>): readonly string[] {
    const deedsOf = (key: string): string => JSON.stringify(this.#deeds.of(key))
    const known = new Map([...this.#vms.keys()].map(key => [key, deedsOf(key)]))
    this.#deeds.take(of, { kind: 'listed', objects: new Map(objects), resourceVersion: '' })
    return [...known].filter(([key, deeds]) => deeds !== deedsOf(key)).map(([key]) => key)
  }

  /**
   * Whether a list that does not name a VM says something of it: another uid of its claim, other trouble with a disk; or that a kind is
   * known from now on, else its first deed would not be news.
   */
  isBehind(key: string, of: Aside['of'], record: VmRecord | undefined): boolean {
    if (of !== 'claim' && of !== 'disk') return of !== 'clone' && record?.knows?.split(' ').includes(of) !== true
    const vm = this.#vms.get(key)
    if (vm === undefined) return false
    if (of === 'disk') return (record?.seen.hindered_by ?? '') !== (this.#disks.troubleOf(vm) ?? '')
    const roots = [vm.rootClaim, this.#vmis.get(key)?.rootClaim ?? ''].filter(name => name !== '')
    const known = record?.seen.disk_unseen === true ? '' : record?.seen.claim
    return roots.some(name => !['', known].includes(this.#claims.uidOf(`${vm.namespace}/${name}`)))
  }

  /** The VM that a word of a reflector is about, as far as it is known. */
  keyOf({ of, observed }: Inbound): string {
    if ((observed.kind !== 'changed' && observed.kind !== 'gone') || of === 'service') return ''
    const { object } = observed
    if (of === 'claim' || of === 'disk') return ('vm' in object && object.vm) || this.#bootedFrom(object.key)
    return 'vm' in object ? object.vm : object.key
  }

  /** The VMs that these imports made. */
  *importedBy(imports: Iterable<string>): Iterable<string> {
    for (const one of imports)
      for (const key of this.#vms.holding(one)) if (this.#vms.get(key)?.importKey === one) yield key
  }

  /** A VM as it is now; null when there is none. `before`: what is on record of it. */
  sighting(key: string, before: VmRecord | null): Sighting | null {
    const vm = this.#lately('vm', key) ?? this.#vms.get(key)
    if (vm === undefined) {
      this.services?.place(key, null)
      return null
    }
    const vmi = this.#vmisReadable ? (this.#lately('vmi', key) ?? this.#vmis.get(key) ?? null) : 'unknown'
    const known = before !== null && before.uid === vm.uid ? before.seen : null
    const claimOf = (name: string): string => this.#claims.uidOf(`${vm.namespace}/${name}`)
    const seen = assemble(vm, vmi, known, claimOf, this.#disks.troubleOf(vm))
    return { vm, seen, deeds: this.#deedsOf(vm), ...this.#served(vm, vmi) }
  }

  #lately<Of extends 'vm' | 'vmi'>(of: Of, key: string): (Of extends 'vm' ? VmPart : VmiPart) | undefined {
    const last = this.#last
    return last?.of === of && last.object.key === key ? (last.object as never) : undefined
  }

  #deedsOf(vm: VmPart): Deeds {
    const imports = this.#imports?.of(vm.importKey) ?? null
    return imports === null ? this.#deeds.of(vm.key) : { ...this.#deeds.of(vm.key), import: imports }
  }

  /** A boot has the labels that its pod was made with, whatever the VM's template says by now. */
  #served(vm: VmPart, vmi: VmiPart | null | 'unknown'): { readonly services?: readonly VmService[] | null } {
    if (this.services === null) return {}
    const { domain, vmLabel } = vmi !== 'unknown' && vmi?.owner === vm.uid ? vmi : vm
    this.services.place(vm.key, namedAs({ name: vm.name, domain, vmLabel }))
    return { services: this.services.of(vm.key) }
  }

  /** The VM whose root disk a claim is. Claims change seldom, so that nothing is kept to find it. */
  #bootedFrom(claim: string): string {
    const slash = claim.indexOf('/')
    const [namespace, name] = [claim.slice(0, slash + 1), claim.slice(slash + 1)]
    for (const parts of [this.#vms, this.#vmis])
      for (const key of parts.holding(name))
        if (key.startsWith(namespace) && parts.get(key)?.rootClaim === name && this.#vms.has(key)) return key
    return ''
  }
}

/** A list is of no use to who read it: what is packed already is taken as it is. */
function own<T extends object>(objects: ReadonlyMap<string, T>): PackedMap<T> {
  return objects instanceof PackedMap ? (objects as PackedMap<T>) : PackedMap.of(objects)
}

/** But for its resourceVersion. */
function isAlike(one: VmPart | VmiPart | undefined, other: VmPart | VmiPart | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  if (one.uid === other.uid && one.resourceVersion === other.resourceVersion) return true
  return isDeepStrictEqual({ ...one, resourceVersion: '' }, { ...other, resourceVersion: '' })
}
