import { v5 as uuid5 } from 'uuid'
import { isRunning, type VmRecord } from './record.ts'

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
export function identifies(firmwareUuid: string, vmName: string): boolean {
  const uuid = firmwareUuid.toLowerCase()
  return !/^[0-]*$/.test(uuid) && uuid !== OF_EXAMPLES && uuid !== uuid5(vmName, LEGACY_NAMESPACE)
}

/** The guests of all clusters of one bridge, by firmware UUID. Holds the records that the clusters hold anyway. */
export class GuestIndex implements Guests {
  readonly #places = new Map<string, readonly VmRecord[]>()
  readonly #unseen = new Set<string>()

  /** A VM's record was `before` and is `after` now; one that is known already is there once. */
  replace(before: VmRecord | null, after: VmRecord | null): void {
    for (const record of [before, after]) if (record !== null) this.#drop(record)
    const uuid = after?.seen.firmware_uuid.toLowerCase() ?? ''
    if (after !== null && identifies(uuid, after.name))
      this.#places.set(uuid, [...(this.#places.get(uuid) ?? []), after])
  }

  /** Whether that cluster can be seen. */
  see(clusterUid: string, seen: boolean): void {
    if (seen) this.#unseen.delete(clusterUid)
    else this.#unseen.add(clusterUid)
  }

  elsewhere(
    { cluster_uid, name, uid }: Pick<VmRecord, 'cluster_uid' | 'name' | 'uid'>,
    uuid: string,
  ): readonly VmRecord[] {
    if (!identifies(uuid, name)) return []
    const places = this.#places.get(uuid.toLowerCase()) ?? []
    return places.filter(place => place.cluster_uid !== cluster_uid && place.uid !== uid)
  }

  isSeen(clusterUid: string): boolean {
    return !this.#unseen.has(clusterUid)
  }

  #drop(record: VmRecord): void {
    const uuid = record.seen.firmware_uuid.toLowerCase()
    const left = (this.#places.get(uuid) ?? []).filter(
      place => place.uid !== record.uid || place.cluster !== record.cluster,
    )
    if (left.length === 0) this.#places.delete(uuid)
    else this.#places.set(uuid, left)
  }
}

/** True when a guest does not run there, as far as anybody can see: only then can it have come from there. */
export function mayHaveLeft(place: VmRecord, guests: Guests): boolean {
  return !isRunning(place.seen) || (place.out_of_scope ?? '') !== '' || !guests.isSeen(place.cluster_uid)
}
