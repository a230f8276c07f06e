import { isHostName, isReserved } from './group-set.ts'

/** What a view's own names must not be taken by. */
export interface Taken {
  /** A host of the view has this canonical name. */
  readonly host: (name: string) => boolean
  /** The view has a group of this name. */
  readonly group: (name: string) => boolean
}

/**
 * Which name each host of a view is shown by, where that is not the canonical one. A name counts for one host alone, that no group has and
 * that is no other's canonical name; everybody else is shown by the canonical one, whoever came first.
 */
export class Naming {
  readonly #taken: Taken
  /** By wished name: who wishes it. */
  readonly #wishes = new Map<string, Set<string>>()
  /** By canonical name. */
  readonly #wished = new Map<string, string>()

  constructor(taken: Taken) {
    this.#taken = taken
  }

  /** A host wishes a name; null: it is gone. Gives the other hosts that may be shown by another name now. */
  wish(host: string, name: string | null): readonly string[] {
    const was = this.#wished.get(host)
    if (was === (name ?? undefined)) return []
    const others = new Set<string>([...this.whoWishes(host), ...(was === undefined ? [] : this.#drop(host, was))])
    if (name === null) this.#wished.delete(host)
    else {
      this.#wished.set(host, name)
      const known = this.#wishes.get(name)
      if (known === undefined) this.#wishes.set(name, new Set([host]))
      else for (const other of known.add(host)) others.add(other)
    }
    others.delete(host)
    return [...others]
  }

  /** The name that a host is shown by. */
  nameOf(host: string): string {
    const wished = this.#wished.get(host) ?? host
    return wished === host || this.#why(wished) === '' ? wished : host
  }

  /** Those that would have this name, if they may: a group came to have it, or left it. */
  whoWishes(name: string): readonly string[] {
    return [...(this.#wishes.get(name) ?? [])]
  }

  /** Why a host is not shown by the name that it would have; empty when it is. */
  reasonOf(host: string): string {
    const wished = this.#wished.get(host) ?? host
    return wished === host ? '' : this.#why(wished)
  }

  #why(wished: string): string {
    if (!isHostName(wished)) return `"${wished.slice(0, 80)}" is no name for a host`
    if ((this.#wishes.get(wished)?.size ?? 0) > 1) return `several would be called ${wished}`
    if (this.#taken.host(wished)) return `another is called ${wished}`
    if (this.#taken.group(wished) || isReserved(wished)) return `a group is called ${wished}`
    return ''
  }

  #drop(host: string, name: string): readonly string[] {
    const known = this.#wishes.get(name)
    known?.delete(host)
    if (known?.size === 0) this.#wishes.delete(name)
    return [...(known ?? [])]
  }
}
