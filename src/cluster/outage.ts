import type { KubeError } from '../kube/index.ts'

/** A cut that is mended within this time is no fact, in ms: every watch ends now and then, and API servers are restarted. */
export const OUTAGE_HOLD_MS = 15_000

interface Outage {
  readonly since: number
  readonly error: KubeError
  /** Its reason was told. */
  readonly told: boolean
}

/**
 * What of a cluster can not be read, since when and why. It becomes a fact when it has lasted. No clock: time is an argument, that of a
 * clock which nobody sets.
 *
 * | what happens                                  | then                                                   |
 * |-----------------------------------------------|--------------------------------------------------------|
 * | something can not be read, or its watch ended | it waits; the newest reason counts, and the first time |
 * | it is watched again                           | it is forgotten                                        |
 * | it lasted for `holdMs`                        | told, and each new reason from then on at once         |
 * | another cluster answers                       | told at once: nothing may start on a VM of it          |
 */
export class Outages<Of> {
  readonly #holdMs: number
  readonly #open = new Map<Of, Outage>()

  constructor(holdMs: number = OUTAGE_HOLD_MS) {
    this.#holdMs = holdMs
  }

  begin(of: Of, error: KubeError, now: number): void {
    const known = this.#open.get(of)
    const told = known?.told === true && known.error.message === error.message
    this.#open.set(of, { since: known?.since ?? now, error, told })
  }

  end(of: Of): void {
    this.#open.delete(of)
  }

  /** When the next reason is to be told, or null. */
  due(): number | null {
    const times = [...this.#open.values()].filter(({ told }) => !told).map(outage => this.#dueOf(outage))
    return times.length === 0 ? null : Math.min(...times)
  }

  /** Why the cluster can not be read, when that is to be told by now and was not: of what began first. */
  take(now: number): KubeError | null {
    const due = [...this.#open].filter(([, outage]) => !outage.told && this.#dueOf(outage) <= now)
    for (const [of, outage] of due) this.#open.set(of, { ...outage, told: true })
    return due.sort(([, a], [, b]) => a.since - b.since)[0]?.[1].error ?? null
  }

  #dueOf({ since, error }: Outage): number {
    return error.kind === 'replaced' ? since : since + this.#holdMs
  }
}
