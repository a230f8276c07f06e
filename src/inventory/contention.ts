import { hostName, type VmRecord } from '../vm/index.ts'
import { addressOf } from './address.ts'
import type { Claim, ClaimsOf } from './network.ts'
import type { Staleness } from './stale.ts'

/** What a contest is decided by, beside the claims. */
export interface Contest {
  readonly claimsOf: ClaimsOf
  readonly recordOf: (host: string) => VmRecord | undefined
  readonly stalenessOf: (record: VmRecord) => Staleness
}

/** An address that another VM has the better claim to. */
export interface Loss {
  readonly address: string
  readonly host: string
}

interface Winner {
  readonly host: string
  readonly platform: boolean
}

/**
 * Who claims which address, so that of two that claim the same in one network only one is worked on. The better claim, the first
 * difference counts:
 *
 * | better               | than             | why                                                             |
 * |----------------------|------------------|-----------------------------------------------------------------|
 * | it may be enabled    | is disabled with its cluster, unseen for too long | it can not be harmed by losing |
 * | the platform gave it | the guest says it | a guest can say anything                                       |
 * | its cluster is seen  | stale            | a VM that was brought back elsewhere has the address of before  |
 * | it is used           | not used         | who uses it can be harmed                                       |
 * | it has settled       | just came        | who comes later does not push out who was there                 |
 * | known for longer     | later            | the same                                                        |
 *
 * Two that only guests tell of contend in a declared network alone: elsewhere they may well be in different ones.
 */
export class Contention {
  readonly #contest: Contest
  /** By place: the one host that claims it, or those that do. */
  readonly #claimants = new Map<string, string | Set<string>>()
  /** Of the places with several: who has the best claim. */
  readonly #winners = new Map<string, Winner>()

  constructor(contest: Contest) {
    this.#contest = contest
  }

  /**
   * Takes in that a VM, or what its cluster is, changed; null: it was not there, it is gone. Gives the other hosts that won or lost an
   * address by it: two for each address, however many claim it; all of them only where the platform's word comes or goes.
   */
  change(before: VmRecord | null, after: VmRecord | null): readonly string[] {
    const either = after ?? before
    if (either === null) return []
    const host = hostName(either)
    const [was, is] = [this.#placesOf(before), this.#placesOf(after)]
    const touched = new Set<string>()
    for (const place of new Set([...was, ...is])) {
      const [winner, before] = [this.#winnerOf(place), this.#winners.get(place)]
      if (was.has(place) && !is.has(place)) this.#remove(place, host)
      if (!was.has(place)) this.#add(place, host)
      this.#judge(place, winner, host)
      touched.add(winner).add(this.#winnerOf(place))
      const after = this.#winners.get(place)
      if (before === undefined || after === undefined || before.platform === after.platform) continue
      const all = this.#claimants.get(place)
      if (all !== undefined && typeof all !== 'string') for (const claimant of all) touched.add(claimant)
    }
    touched.delete(host)
    touched.delete('')
    return [...touched]
  }

  /**
   * The host with a better claim to an address that automation would use for this one; empty when there is none. Without `address`: to
   * the one that is used where no view says otherwise.
   */
  betterThan(record: VmRecord, address = addressOf(record)): string {
    const mine = this.#contest.claimsOf(record).find(claim => claim.used && claim.address === address)
    return mine === undefined ? '' : this.#betterAt(mine, record)
  }

  /** The addresses of this one that automation would use and another has a better claim to, and who; the one that is used where no view says otherwise first. */
  lossesOf(record: VmRecord): readonly Loss[] {
    const used = this.#contest.claimsOf(record).filter(claim => claim.used)
    const losses = used.flatMap(claim => {
      const host = this.#betterAt(claim, record)
      return host === '' ? [] : [{ address: claim.address, host }]
    })
    const usual = losses.length > 1 ? addressOf(record) : ''
    return losses.length > 1 ? losses.sort((a, b) => Number(b.address === usual) - Number(a.address === usual)) : losses
  }

  #betterAt(mine: Claim, record: VmRecord): string {
    const winner = this.#winnerOf(mine.place)
    if (winner === hostName(record) || winner === '') return ''
    return mine.declared || this.#winners.get(mine.place)?.platform === true ? winner : ''
  }

  /** Finds who has the best claim to a place after `changed` did; `winner` had it before. */
  #judge(place: string, winner: string, changed: string): void {
    const claimants = this.#claimants.get(place)
    if (claimants === undefined || typeof claimants === 'string') {
      this.#winners.delete(place)
      return
    }
    // Against a winner that is as it was, only who changed can win.
    const contenders = winner === changed || !claimants.has(winner) ? claimants : [winner, changed]
    let [best, bestRank]: [string, readonly number[]] = ['', []]
    for (const host of contenders) {
      const rank = claimants.has(host) ? this.#rankOf(host, place) : null
      if (rank === null || (best !== '' && !isBetter(rank, host, bestRank, best))) continue
      best = host
      bestRank = rank
    }
    this.#winners.set(place, { host: best, platform: this.#claimOf(best, place)?.platform ?? false })
  }

  /** Greater is better, the first difference counts; null: it claims nothing there. */
  #rankOf(host: string, place: string): readonly number[] | null {
    const record = this.#contest.recordOf(host)
    const claim = this.#claimOf(host, place)
    if (record === undefined || claim === undefined) return null
    const staleness = this.#contest.stalenessOf(record)
    const { platform, used } = claim
    return [
      ...[staleness !== 'disabled', platform, staleness === 'fresh', used, hasSettled(record)].map(Number),
      -record.known_since,
    ]
  }

  #claimOf(host: string, place: string): Claim | undefined {
    const record = this.#contest.recordOf(host)
    return record && this.#contest.claimsOf(record).find(claim => claim.place === place)
  }

  #winnerOf(place: string): string {
    const claimants = this.#claimants.get(place)
    return typeof claimants === 'string' ? claimants : (this.#winners.get(place)?.host ?? '')
  }

  #placesOf(record: VmRecord | null): ReadonlySet<string> {
    return new Set(record === null ? [] : this.#contest.claimsOf(record).map(claim => claim.place))
  }

  #add(place: string, host: string): void {
    const claimants = this.#claimants.get(place)
    if (claimants === undefined) this.#claimants.set(place, host)
    else if (typeof claimants === 'string') this.#claimants.set(place, new Set([claimants, host]))
    else claimants.add(host)
  }

  #remove(place: string, host: string): void {
    const claimants = this.#claimants.get(place)
    if (claimants === host) this.#claimants.delete(place)
    if (claimants === undefined || typeof claimants === 'string') return
    claimants.delete(host)
    const [first, second] = claimants
    if (first !== undefined && second === undefined) this.#claimants.set(place, first)
  }
}

function hasSettled({ seen, told }: VmRecord): boolean {
  // An empty one is not known for a moment, and the other holds.
  return told.reachable && (seen.address === '' || told.address === seen.address)
}

function isBetter(rank: readonly number[], host: string, than: readonly number[], other: string): boolean {
  const first = rank.map((value, index) => value - (than[index] ?? 0)).find(difference => difference !== 0)
  return first === undefined ? host < other : first > 0
}
