import type { Packed } from './pack.ts'

/** Values that are held as they are, of all maps of this process together. A VM that changed lately has three: its record and its two parts. */
export const MAX_WARM = 49_152

/** Who holds a value, and packs it once it is told to. */
interface Owner {
  cool(warm: Warm): void
}

/**
 * A value that changed lately, or was read beside one that did, held as it is: packed when `MAX_WARM` others have come since, whether it
 * changed again meanwhile or not. It does not keep its map, and stays in line when its map is let go of.
 */
export class Warm {
  readonly owner: WeakRef<Owner>
  readonly key: string
  value: object
  /** What it was packed as, while it is so still: it need not be packed again. */
  packed: Packed | null

  constructor(owner: WeakRef<Owner>, key: string, value: object, packed: Packed | null) {
    this.owner = owner
    this.key = key
    this.value = value
    this.packed = packed
    const oldest = ring[hand]
    ring[hand] = this
    hand = (hand + 1) % MAX_WARM
    oldest?.owner.deref()?.cool(oldest)
  }
}

const ring: Warm[] = []
let hand = 0
