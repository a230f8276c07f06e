import type { ClusterFold } from './fold.ts'
import type { Inbound } from './resources.ts'
import type { Staged } from './staged.ts'

/** VMs whose changes are stored together. Few enough that what is made for them is gone before it is old. */
const LIVE_LIMIT = 100
/** How often in a row it is gone on with what came meanwhile, before all that is on its way is waited for: all else has its turn then. */
const MAX_RUSH = 10

interface Flight {
  readonly keys: ReadonlySet<string>
  readonly stored: Promise<void>
}

/**
 * Live changes on their way into the log: those of different VMs that came together are stored together, and while they are written the
 * next are looked at. A VM that comes again waits until what was told of it before is durable: what is told next follows from that.
 */
export class LiveChanges {
  readonly #fold: ClusterFold
  readonly #store: (staged: readonly (Staged | null)[]) => Promise<void>
  #keys = new Set<string>()
  #staged: (Staged | null)[] = []
  #flight: Flight | null = null
  #rush = 0

  /** `store` makes durable what it is given, and commits it to the fold. */
  constructor(fold: ClusterFold, store: (staged: readonly (Staged | null)[]) => Promise<void>) {
    this.#fold = fold
    this.#store = store
  }

  /** Takes one in. Rejects when something before it could not be stored. */
  async take(inbound: Inbound, now: number): Promise<void> {
    const key = this.#fold.keyOf(inbound)
    if (key !== '') {
      if (this.#keys.has(key)) await this.#send()
      if (this.#flight?.keys.has(key) === true) await this.#land()
      this.#keys.add(key)
    }
    this.#staged.push(...this.#fold.fold(inbound, now))
    if (this.#keys.size >= LIVE_LIMIT) await this.#send()
  }

  /** True when all are durable; false when there is more to take before they are, which comes first, but not for ever. */
  async rest(more: boolean): Promise<boolean> {
    this.#rush = more ? (this.#rush + 1) % MAX_RUSH : 0
    if (this.#rush > 0) return false
    await this.end()
    return true
  }

  /** Resolves when all are durable. */
  async end(): Promise<void> {
    await this.#send()
    await this.#land()
  }

  /** One is on its way at a time: those after it go when it has landed. */
  async #send(): Promise<void> {
    if (this.#flight !== null) await this.#land()
    const [keys, staged] = [this.#keys, this.#staged]
    this.#keys = new Set()
    this.#staged = []
    if (staged.length === 0) return
    const stored = this.#store(staged)
    // Who waits for it is told.
    stored.catch(() => undefined)
    this.#flight = { keys, stored }
  }

  async #land(): Promise<void> {
    await this.#flight?.stored
    this.#flight = null
  }
}
