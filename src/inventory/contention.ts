import { hostName, type VmRecord } from '../vm/index.ts'
import { addressOf } from './address.ts'
import { Claimants } from './claimants.ts'
import type { Claim, ClaimsOf } from './network.ts'
import type { Staleness } from './stale.ts'
import { type Rank, Winners } from './winners.ts'

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
  readonly #claimants = new Claimants()
  readonly #winners = new Winners((host, place) =>
    this.#rankOf(host, place, record => this.#contest.stalenessOf(record)),
  )
  /** Who would win if every cluster could be seen. */
  readonly #winnersIfSeen = new Winners((host, place) => this.#rankOf(host, place, () => 'fresh'))

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
      const held = [this.#winners, this.#winnersIfSeen].map(book => ({
        book,
        winner: this.#winnerOf(place, book),
        platform: book.of(place)?.platform,
      }))
      if (was.has(place) && !is.has(place)) this.#claimants.remove(place, host)
      if (!was.has(place)) this.#claimants.add(place, host)
      const rivals = this.#claimants.rivalsOf(place)
      for (const { book, winner, platform } of held) {
        book.judge(place, rivals, winner, host)
        touched.add(winner).add(this.#winnerOf(place, book))
        const now = book.of(place)?.platform
        if (platform === undefined || now === undefined || platform === now) continue
        for (const rival of rivals ?? []) touched.add(rival)
      }
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
    return mine === undefined ? '' : this.#betterAt(mine, record, this.#winners)
  }

  /** The addresses of this one that automation would use and another has a better claim to, and who; the one that is used where no view says otherwise first. */
  lossesOf(record: VmRecord): readonly Loss[] {
    return this.#lossesOf(record, this.#winners)
  }

  /** The same if every cluster could be seen. */
  lossesIfSeen(record: VmRecord): readonly Loss[] {
    return this.#lossesOf(record, this.#winnersIfSeen)
  }

  #lossesOf(record: VmRecord, winners: Winners): readonly Loss[] {
    const used = this.#contest.claimsOf(record).filter(claim => claim.used)
    const losses = used.flatMap(claim => {
      const host = this.#betterAt(claim, record, winners)
      return host === '' ? [] : [{ address: claim.address, host }]
    })
    const usual = losses.length > 1 ? addressOf(record) : ''
    return losses.length > 1 ? losses.sort((a, b) => Number(b.address === usual) - Number(a.address === usual)) : losses
  }

  #betterAt(mine: Claim, record: VmRecord, winners: Winners): string {
    const winner = this.#winnerOf(mine.place, winners)
    if (winner === hostName(record) || winner === '') return ''
    return mine.declared || winners.of(mine.place)?.platform === true ? winner : ''
  }

  #rankOf(host: string, place: string, stalenessOf: (record: VmRecord) => Staleness): ReturnType<Rank> {
    const record = this.#contest.recordOf(host)
    const claim = record && this.#contest.claimsOf(record).find(claim => claim.place === place)
    if (record === undefined || claim === undefined) return null
    const staleness = stalenessOf(record)
    const { platform, used } = claim
    const rank = [
      ...[staleness !== 'disabled', platform, staleness === 'fresh', used, hasSettled(record)].map(Number),
      -record.known_since,
    ]
    return { rank, platform }
  }

  #winnerOf(place: string, winners: Winners): string {
    return this.#claimants.soleOf(place) || (winners.of(place)?.host ?? '')
  }

  #placesOf(record: VmRecord | null): ReadonlySet<string> {
    return new Set(record === null ? [] : this.#contest.claimsOf(record).map(claim => claim.place))
  }
}

function hasSettled({ seen, told }: VmRecord): boolean {
  // An empty one is not known for a moment, and the other holds.
  return told.reachable && (seen.address === '' || told.address === seen.address)
}
