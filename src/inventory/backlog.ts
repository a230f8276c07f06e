/** VMs that are to be looked at again, by key, each once. */
export class Backlog {
  /** Never looked at: they claim no address yet. */
  readonly #fresh = new Set<string>()
  /** Their claims may count otherwise now. */
  readonly #claims = new Set<string>()
  /** They may be shown otherwise now. */
  readonly #shown = new Set<string>()

  get size(): number {
    return this.#fresh.size + this.#claims.size + this.#shown.size
  }

  /** True while the VM was never looked at. */
  isFresh(key: string): boolean {
    return this.#fresh.has(key)
  }

  addFresh(keys: Iterable<string>): void {
    for (const key of keys) this.#fresh.add(key)
  }

  addClaims(keys: Iterable<string>): void {
    for (const key of keys) this.#claims.add(key)
  }

  addShown(keys: Iterable<string>): void {
    for (const key of keys) this.#shown.add(key)
  }

  /** Nothing is left to do for the VM. */
  remove(key: string): void {
    this.#fresh.delete(key)
    this.#claims.delete(key)
    this.#shown.delete(key)
  }

  /**
   * Takes out the next: claims come before what is shown, as that goes by who has the better claim. Null when nothing is left, or, with
   * `claimsOnly`, no claims.
   */
  next(claimsOnly = false): { readonly key: string; readonly what: 'fresh' | 'claims' | 'shown' } | null {
    for (const [what, keys] of [
      ['fresh', this.#fresh],
      ['claims', this.#claims],
      ['shown', this.#shown],
    ] as const) {
      if (claimsOnly && what === 'shown') return null
      for (const key of keys) {
        keys.delete(key)
        return { key, what }
      }
    }
    return null
  }
}
