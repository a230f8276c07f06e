import { digestOf } from '../event/index.ts'
import { DeletionCount } from './loss.ts'
import { MAX_NAMED } from './missing.ts'

/** Deletions that were told as they happened, marked as a burst, and that wait for a person: nothing destructive starts from them. */
export interface Burst {
  /** When the first of them was told, in ms. */
  readonly since: number
  readonly count: number
  /** Says which they are: with one more it is another one, so that nobody confirms what they did not see. */
  readonly digest: string
  /** The first of them, as `namespace/name`. */
  readonly names: readonly string[]
}

/** The live deletions of one cluster: which belong to a burst, and those that wait for a person. */
export class Deletions {
  readonly #count = new DeletionCount()
  #burst: Burst | null

  /** `burst`: what waits from another life. */
  constructor(burst: Burst | null) {
    this.#burst = burst
  }

  get burst(): Burst | null {
    return this.#burst
  }

  /** One more, which leaves so many VMs. True when it is of a burst. */
  add(vm: { readonly key: string; readonly uid: string }, left: number, now: number): boolean {
    const isBurst = this.#count.add(now, left)
    if (isBurst) this.#burst = withDeletion(this.#burst, vm, now)
    return isBurst
  }

  /** A person has seen them. */
  confirm(): void {
    this.#burst = null
  }
}

/** The burst with one more deletion; the first begins it. */
function withDeletion(burst: Burst | null, vm: { readonly key: string; readonly uid: string }, now: number): Burst {
  const { since, count, digest, names } = burst ?? { since: now, count: 0, digest: '', names: [] }
  return {
    since,
    count: count + 1,
    digest: digestOf(digest, [since, vm.key, vm.uid]).slice(0, 16),
    names: names.length < MAX_NAMED ? [...names, vm.key] : names,
  }
}
