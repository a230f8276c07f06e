/** Who has the best claim to a place that several claim. */
export interface Winner {
  readonly host: string
  readonly platform: boolean
}

/** How good the claim of a host to a place is: greater is better, the first difference counts. Null: it claims nothing there. */
export type Rank = (
  host: string,
  place: string,
) => { readonly rank: readonly number[]; readonly platform: boolean } | null

/** Who has the best claim to each place that several claim, by one way to rank them. */
export class Winners {
  readonly #rank: Rank
  readonly #winners = new Map<string, Winner>()

  constructor(rank: Rank) {
    this.#rank = rank
  }

  of(place: string): Winner | undefined {
    return this.#winners.get(place)
  }

  /** Finds who has the best claim to a place after `changed` did; `before` had it, empty when nobody. `rivals`: who contends for it now; null: nobody does. */
  judge(place: string, rivals: ReadonlySet<string> | null, before: string, changed: string): void {
    if (rivals === null) {
      this.#winners.delete(place)
      return
    }
    // Against a winner that is as it was, only who changed can win.
    const contenders = before === changed || !rivals.has(before) ? rivals : [before, changed]
    let best: Winner & { readonly rank: readonly number[] } = { host: '', platform: false, rank: [] }
    for (const host of contenders) {
      const found = rivals.has(host) ? this.#rank(host, place) : null
      if (found === null || (best.host !== '' && !isBetter(found.rank, host, best.rank, best.host))) continue
      best = { host, ...found }
    }
    this.#winners.set(place, { host: best.host, platform: best.platform })
  }
}

function isBetter(rank: readonly number[], host: string, than: readonly number[], other: string): boolean {
  const first = rank.map((value, index) => value - (than[index] ?? 0)).find(difference => difference !== 0)
  return first === undefined ? host < other : first > 0
}
