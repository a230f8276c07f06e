import { Fault } from '../../errors.ts'
import type { Candidate } from './candidate.ts'

/** What may be the last part of a host name: a DNS label (RFC 1123). */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** A cluster of a hub that is selected, and is to be watched under `name`. */
export interface Managed extends Candidate {
  /** What its hub calls it. */
  readonly managed: string
}

/**
 * Which cluster has which name. Names must be unique over the configuration and all hubs, but two hubs may each have a `local-cluster`:
 * the first keeps the name, the other waits for it, and a Fault says that it needs an alias.
 */
export class ClusterNames {
  readonly #reserved: ReadonlySet<string>
  /** Name → hub of the cluster that has it: from before it is watched until nothing more is written about it. */
  readonly #holders = new Map<string, string>()
  readonly #waiting = new Map<string, readonly Managed[]>()

  /** `reserved`: the names in the configuration. */
  constructor(reserved: Iterable<string>) {
    this.#reserved = new Set(reserved)
  }

  /** Gives the candidate its name and null. When the name is no DNS label or is taken, the candidate is queued and a Fault `cluster_name` says why. */
  admit(candidate: Managed): Fault | null {
    const { name, hub, managed } = candidate
    const fits = LABEL.test(name)
    if (fits && !this.#reserved.has(name) && !this.#holders.has(name)) {
      this.#holders.set(name, hub)
      return null
    }
    this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), candidate])
    const why = fits ? `"${name}" is the name of another one here` : 'that can not be a part of host names'
    const hint = `give it a name of its own: hubs[].aliases of ${hub}, as ${managed}: ${hub}-${managed}`
    return new Fault('cluster_name', `${hub} has a cluster "${managed}", and ${why}`, { hint })
  }

  /** Gives a name that has become free to the candidate that waited longest for it; null when nobody waits, or it is not free. */
  next(name: string): Managed | null {
    const [first = null, ...rest] = this.#waiting.get(name) ?? []
    if (first === null || this.#holders.has(name)) return null
    this.#holders.set(name, first.hub)
    this.#waiting.set(name, rest)
    return first
  }

  /** Takes the waiting candidate of that hub out of the queue for the name, and returns it; null when there was none. */
  withdraw(name: string, hub: string): Managed | null {
    const waiting = this.#waiting.get(name) ?? []
    const waited = waiting.find(candidate => candidate.hub === hub) ?? null
    this.#waiting.set(
      name,
      waiting.filter(candidate => candidate !== waited),
    )
    return waited
  }

  /** True when a cluster of another hub has the name by now. */
  isOfAnother(name: string, hub: string): boolean {
    return (this.#holders.get(name) ?? hub) !== hub
  }

  /** Nothing is written any more of the hub's cluster of this name. */
  release(name: string, hub: string): void {
    if (this.#holders.get(name) === hub) this.#holders.delete(name)
  }
}
