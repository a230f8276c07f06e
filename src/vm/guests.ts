import { v5 as uuid5 } from 'uuid'
import { PackedMap } from './packed-map.ts'
import { isRunning, vmKey, type VmRecord } from './record.ts'
import { sole } from './sole.ts'

/** Which guests live where: asked when one comes or goes. */
export interface Guests {
  /** The same guest in other clusters, by what is known of them. */
  elsewhere(record: Pick<VmRecord, 'cluster_uid' | 'name' | 'uid'>, firmwareUuid: string): readonly VmRecord[]
  /** False while nobody can see how that cluster's VMs are now. */
  isSeen(clusterUid: string): boolean
}

/** Nobody knows of other clusters. */
export const NO_GUESTS: Guests = { elsewhere: () => [], isSeen: () => true }

/** Under which KubeVirt before 1.6 made the UUID of a guest from nothing but the VM's name (`CalculateLegacyUUID`). */
const LEGACY_NAMESPACE = '6a1a24a1-4061-4607-8bf4-a3963d0c5895'

/** The one of the examples in KubeVirt's user guide, which many manifests were copied from. */
const OF_EXAMPLES = '5d307ca9-b3ef-428c-8861-06e72d69f223'

/** True when a firmware UUID tells one guest from all others: not copied from an example, nor made from the VM's name alone. */
function identifies(firmwareUuid: string, vmName: string): boolean {
  const uuid = firmwareUuid.toLowerCase()
  if (/^[0-]*$/.test(uuid) || uuid === OF_EXAMPLES) return false
  // The digit of its version tells of nearly all.
  return uuid[14] !== '5' || uuid !== uuid5(vmName, LEGACY_NAMESPACE)
}

/** Where the records of a cluster are. */
interface Homes {
  readonly records: ReadonlyMap<string, VmRecord>
  /** Of all of them; null when they differ. */
  uid: string | null
}

/**
 * The guests of all clusters of one bridge, by firmware UUID: under which name each is known. Their records are read where the clusters
 * hold them; those of a cluster that holds none are held here.
 */
export class GuestIndex implements Guests {
  /** `cluster/namespace/name` of each VM that has a UUID, by what `numberOf` makes of that; mostly it is one. */
  readonly #places = new Map<number, string | readonly string[]>()
  readonly #homes = new Map<string, Homes>()
  readonly #own = new Map<string, PackedMap<VmRecord>>()
  readonly #unseen = new Set<string>()

  /** From here on the records of a cluster, by `namespace/name`, are these, as they are when they are read. */
  attach(cluster: string, records: ReadonlyMap<string, VmRecord>): void {
    this.#own.delete(cluster)
    this.#homes.set(cluster, { records, uid: this.#homes.get(cluster)?.uid ?? '' })
  }

  /** A VM's record was `before` and is `after` now; one that is known already is there once. */
  replace(before: VmRecord | null, after: VmRecord | null): void {
    const [left, come] = [uuidOf(before), uuidOf(after)]
    if (before !== null && after !== null && this.#stays(before, after) && left === come) return
    if (before !== null && (after === null || left !== come || vmKey(before) !== vmKey(after)))
      this.#drop(left, vmKey(before))
    if (after !== null) this.#settle(after, come)
    else if (before !== null) this.#own.get(before.cluster)?.delete(keyOf(before))
  }

  /** Whether that cluster can be seen. */
  see(clusterUid: string, seen: boolean): void {
    if (seen) this.#unseen.delete(clusterUid)
    else this.#unseen.add(clusterUid)
  }

  elsewhere(
    { cluster_uid, name, uid }: Pick<VmRecord, 'cluster_uid' | 'name' | 'uid'>,
    firmwareUuid: string,
  ): readonly VmRecord[] {
    if (!identifies(firmwareUuid, name)) return []
    const uuid = firmwareUuid.toLowerCase()
    const places = placesIn(this.#places.get(numberOf(uuid)))
    const records = places.map(place => this.#read(place, cluster_uid)).filter(record => record !== undefined)
    return records.filter(one => one.cluster_uid !== cluster_uid && one.uid !== uid && uuidOf(one) === uuid)
  }

  isSeen(clusterUid: string): boolean {
    return !this.#unseen.has(clusterUid)
  }

  /** Where it is, its record is read. */
  #stays(before: VmRecord, after: VmRecord): boolean {
    if (before.cluster_uid !== after.cluster_uid || vmKey(before) !== vmKey(after)) return false
    return this.#homes.has(after.cluster) && !this.#own.has(after.cluster)
  }

  #settle(record: VmRecord, uuid: string): void {
    const { cluster, cluster_uid } = record
    const homes = this.#homes.get(cluster)
    if (homes === undefined || this.#own.has(cluster)) this.#hold(record)
    else if (homes.uid !== cluster_uid) homes.uid = homes.uid === '' ? cluster_uid : null
    if (!identifies(uuid, record.name)) return
    const number = numberOf(uuid)
    const places = placesIn(this.#places.get(number))
    const place = sole(vmKey(record))
    if (!places.includes(place)) this.#places.set(number, places.length === 0 ? place : [...places, place])
  }

  #hold(record: VmRecord): void {
    const { cluster } = record
    const records = this.#own.get(cluster) ?? new PackedMap<VmRecord>()
    records.set(keyOf(record), record)
    this.#own.set(cluster, records)
    this.#homes.set(cluster, { records, uid: null })
  }

  #drop(uuid: string, place: string): void {
    const number = numberOf(uuid)
    const left = placesIn(this.#places.get(number)).filter(other => other !== place)
    const [first] = left
    if (first === undefined) this.#places.delete(number)
    else this.#places.set(number, left.length === 1 ? first : left)
  }

  /** Undefined without a look for one of the cluster that asks: mostly it is the only one. */
  #read(place: string, asking: string): VmRecord | undefined {
    const slash = place.indexOf('/')
    const homes = this.#homes.get(place.slice(0, slash))
    return homes?.uid === asking ? undefined : homes?.records.get(place.slice(slash + 1))
  }
}

/** A third of a UUID's room. Two may have one number: who looks for a guest reads whether it is that one. */
function numberOf(uuid: string): number {
  let [high, low] = [0x811c9dc5, 0x1b873593]
  for (let at = 0; at < uuid.length; at += 1) {
    const code = uuid.charCodeAt(at)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ code, 0x85ebca6b)
    low ^= low >>> 13
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0)
}

function placesIn(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function uuidOf(record: VmRecord | null): string {
  return record?.seen.firmware_uuid.toLowerCase() ?? ''
}

function keyOf({ namespace, name }: VmRecord): string {
  return `${namespace}/${name}`
}

/** A guest that has been down for longer did not move: who makes a VM of its UUID after that makes another one. */
export const MOVE_WINDOW_MS = 7 * 86_400_000
/** Two that ran beside each other for so long are two guests, whatever their UUIDs. A live migration, and what is late to be seen of it, is shorter. */
export const TOGETHER_MS = 5 * 60_000

/**
 * Whether a guest can have come from there: it does not run there, as far as anybody can see, and has not been down for long.
 *
 * | there it                                            |          |
 * |-----------------------------------------------------|----------|
 * | is out of scope, or its cluster can not be seen     | can have |
 * | runs                                                | has not  |
 * | was told to be down for more than `MOVE_WINDOW_MS`  | has not  |
 * | is down, since then or since nobody knows when      | can have |
 */
export function mayHaveLeft(place: VmRecord, guests: Guests, now: number): boolean {
  if ((place.out_of_scope ?? '') !== '' || !guests.isSeen(place.cluster_uid)) return true
  const { ran_to = 0 } = place.told
  return !isRunning(place.seen) && (ran_to === 0 || now - ran_to <= MOVE_WINDOW_MS)
}

/** A VM of the same firmware UUID that is seen to run now, and from which this one did not come: then they are two guests, if it lasts. */
export function besides(record: VmRecord, guests: Guests): VmRecord | null {
  const runs = (place: VmRecord): boolean =>
    isRunning(place.seen) && (place.out_of_scope ?? '') === '' && guests.isSeen(place.cluster_uid)
  const places = guests.elsewhere(record, record.seen.firmware_uuid).filter(runs)
  return places.find(({ uid, descent }) => uid !== record.descent?.run && descent?.run !== record.uid) ?? null
}

/** True when two of one firmware UUID are proven to be two guests: they ran beside each other for `TOGETHER_MS`, and both could be seen when that began. */
export function wereTogether(one: VmRecord, other: VmRecord, now: number): boolean {
  const since = sinceWhen(one, other) ?? sinceWhen(other, one)
  if (since === null) return false
  const endOf = ({ seen, told }: VmRecord): number => (told.ran_to ?? 0) || (isRunning(seen) ? now : 0)
  return Math.min(endOf(one), endOf(other)) - since >= TOGETHER_MS
}

function sinceWhen({ told }: VmRecord, { uid }: VmRecord): number | null {
  return told.beside?.uid === uid ? told.beside.since : null
}
