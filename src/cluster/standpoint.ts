import type { Origin } from '../event/index.ts'
import type { Circumstance, Contests, GuestIndex, Holds } from '../vm/index.ts'

export interface StandpointOptions {
  readonly cluster: Circumstance['cluster']
  readonly holds: Holds
  readonly adopted: boolean
  /** Records of it are gone from the log: what is first seen was there before, and changes of it were missed. */
  readonly lost?: boolean
  /** Who has whose address; nobody knows when it is left out. */
  readonly contests?: Contests
  /** DataVolumes could be read before, in another life: what is wrong with them now is news. */
  readonly disksKnown?: boolean
}

/** From where the VMs of one cluster are looked at: what is news there, and what was there before anybody looked. */
export class Standpoint {
  readonly #options: StandpointOptions
  readonly #guests: GuestIndex
  #adopted: boolean
  #disksKnown: boolean

  constructor(options: StandpointOptions, guests: GuestIndex) {
    this.#options = options
    this.#guests = guests
    this.#adopted = options.adopted
    this.#disksKnown = options.disksKnown === true
  }

  /** True once it was seen what is wrong with disks, or when it was in another life. */
  get disksKnown(): boolean {
    return this.#disksKnown
  }

  /** Adoption is over: what appears from here on is new. */
  adopt(): void {
    this.#adopted = true
  }

  /** What is wrong with disks was looked at: what comes from here on is new. */
  knowDisks(): void {
    this.#disksKnown = true
  }

  /** The circumstance of one look. `behind`: something that happened already may be on its way. */
  at(now: number, origin: Origin, burst = false, behind = false): Circumstance {
    const { cluster, holds, lost, contests } = this.#options
    // What was there before its cluster was adopted was not missed: there is no gap before the beginning; but there is when the log forgot it.
    return {
      now,
      cluster,
      holds,
      guests: this.#guests,
      origin,
      burst,
      behind,
      gap: (origin === 'sync' || origin === 'audit') && (this.#adopted || lost === true),
      adopting: !this.#adopted,
      disksAreNew: !this.#disksKnown,
      ...(contests === undefined ? {} : { contests }),
    }
  }
}
