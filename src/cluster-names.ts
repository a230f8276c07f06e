import { Fault } from './errors.ts'
import type { Candidate } from './running.ts'

/** What may be the last part of a host name: a DNS label (RFC 1123). */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** A cluster that has a hub, and would be watched. */
export interface Managed extends Candidate {
  /** What its hub calls it. */
  readonly managed: string
}

/**
 * Who has which name: names are unique over all hubs and the configuration, and hubs give theirs without asking each other. A cluster
 * whose name another has waits for it, and says that it needs an alias.
 */
export class ClusterNames {
  readonly #reserved: ReadonlySet<string>
  /** The hub whose cluster has a name, from before it is watched until nothing is written of it any more. */
  readonly #holders = new Map<string, string>()
  readonly #waiting = new Map<string, readonly Managed[]>()

  /** `reserved`: the names in the configuration. */
  constructor(reserved: Iterable<string>) {
    this.#reserved = new Set(reserved)
  }

  /** Gives it its name; a fault when that can not be, or another has it: then it waits. */
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

  /** The one that waited longest for a name that is free now, and has it from now on. */
  next(name: string): Managed | null {
    const [first = null, ...rest] = this.#waiting.get(name) ?? []
    if (first === null || this.#holders.has(name)) return null
    this.#holders.set(name, first.hub)
    this.#waiting.set(name, rest)
    return first
  }

  /** A cluster of the hub no longer waits for the name; null when none did. */
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
