/** Why a VM is to be looked at again. */
export type Cause = 'fresh' | 'claims' | 'shown'

/** VMs that are to be looked at again, by key, each once for a cause. */
export class Backlog {
  /** Never looked at: they claim no address yet. */
  readonly #fresh = new Queue()
  /** Their claims may count otherwise now. */
  readonly #claims = new Queue()
  /** They may be shown otherwise now. */
  readonly #shown = new Queue()

  get size(): number {
    return this.#fresh.size + this.#claims.size + this.#shown.size
  }

  /** True while the VM was never looked at. */
  isFresh(key: string): boolean {
    return this.#fresh.has(key)
  }

  addFresh(keys: Iterable<string>): void {
    this.#fresh.add(keys)
  }

  /** Those that were never looked at will be anyway. */
  addClaims(keys: readonly string[]): void {
    this.#claims.add(keys.filter(key => !this.#fresh.has(key)))
  }

  addShown(keys: Iterable<string>): void {
    this.#shown.add(keys)
  }

  /** Nothing is left to do for the VM. */
  remove(key: string): void {
    for (const queue of [this.#fresh, this.#claims, this.#shown]) queue.remove(key)
  }

  /**
   * Takes out the next: claims come before what is shown, as that goes by who has the better claim. Null when nothing is left, or, with
   * `claimsOnly`, no claims.
   */
  next(claimsOnly = false): { readonly key: string; readonly cause: Cause } | null {
    const fresh = this.#fresh.next()
    if (fresh !== null) return { key: fresh, cause: 'fresh' }
    const claims = this.#claims.next()
    if (claims !== null) return { key: claims, cause: 'claims' }
    const shown = claimsOnly ? null : this.#shown.next()
    return shown === null ? null : { key: shown, cause: 'shown' }
  }
}

/** Texts in the order that they came in, each once. */
class Queue {
  readonly #keys = new Set<string>()
  /** Where it goes on: to look for the first from the beginning passes over all that were taken out. */
  #from: Iterator<string> | null = null

  get size(): number {
    return this.#keys.size
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key)
  }

  remove(key: string): void {
    this.#keys.delete(key)
  }

  next(): string | null {
    if (this.#keys.size === 0) return null
    this.#from ??= this.#keys.values()
    const { done = false, value } = this.#from.next()
    if (done) {
      this.#from = null
      return this.next()
    }
    this.#keys.delete(value as string)
    return value as string
  }
}
