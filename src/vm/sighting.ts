import type { Origin } from '../event/index.ts'
import type { Contests } from './rival.ts'
import type { Deeds } from './deed.ts'
import type { Guests } from './guests.ts'
import type { VmPart } from './part.ts'
import type { Fact, Seen, VmRecord } from './record.ts'
import type { VmService } from './service.ts'

/** A VM as it is now. */
export interface Sighting {
  readonly vm: VmPart
  readonly seen: Seen
  /** What was done to it, of the kinds that are known; none when it is left out. */
  readonly deeds?: Deeds
  /** The Services that lead to it; null while they are not known, and what was known of them stays. None when it is left out. */
  readonly services?: readonly VmService[] | null
}

/** How long a value must last before it is told, in ms. */
export interface Holds {
  readonly stopped: number
  readonly reachable: number
  readonly unreachable: number
  readonly address: number
}

/** Under which circumstances a change is looked at. */
export interface Circumstance {
  readonly now: number
  readonly cluster: { readonly name: string; readonly hub: string; readonly uid: string }
  /** The cluster is being read for the first time: what is found was there before. */
  readonly adopting: boolean
  readonly origin: Origin
  /** Changes in between may have been missed. */
  readonly gap: boolean
  /** One of very many deletions at once. */
  readonly burst: boolean
  readonly holds: Holds
  /** Not all is looked after now, or what was missed is still on its way: what waits has not lasted, as it may have ended. Not so when left out. */
  readonly behind?: boolean
  /** What is wrong with disks is seen for the first time. */
  readonly disksAreNew?: boolean
  /** The guests of other clusters; nobody knows of any when it is left out. */
  readonly guests?: Guests
  /** Who has whose address; nobody knows when it is left out. */
  readonly contests?: Contests
}

export interface Change {
  readonly facts: readonly Fact[]
  readonly record: VmRecord | null
}
