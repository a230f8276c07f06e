/** Values that are held as they are, of all maps of this process together. A VM that changed lately has two, of 1.4 KB of the heap together. */
export const MAX_WARM = 32_768

/** Who holds a value, and packs it once it is told to. */
interface Owner {
  cool(warm: Warm): void
}

/**
 * A value that changed lately, held as it is: packed when `MAX_WARM` others have begun to change since, whether it changed again meanwhile
 * or not. It does not keep its map, and stays in line when its map is let go of.
 */
export class Warm {
  readonly owner: WeakRef<Owner>
  readonly key: string
  value: object

  constructor(owner: WeakRef<Owner>, key: string, value: object) {
    this.owner = owner
    this.key = key
    this.value = value
    const oldest = ring[hand]
    ring[hand] = this
    hand = (hand + 1) % MAX_WARM
    oldest?.owner.deref()?.cool(oldest)
  }
}

const ring: Warm[] = []
let hand = 0
