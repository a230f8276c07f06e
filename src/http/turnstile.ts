/** How many may be inside at once, in all and for one key, and how many may wait outside. */
export interface Room {
  readonly all: number
  readonly each: number
  readonly waiting: number
}

interface Waiting {
  readonly key: string
  readonly enter: (leave: () => void) => void
}

/** A semaphore in which no key can take all places. Those who wait enter in the order in which they came; one whose key has its share inside is passed over. */
export class Turnstile {
  readonly #room: Room
  readonly #inside = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  #all = 0

  constructor(room: Room) {
    this.#room = room
  }

  /**
   * Resolves when there is room, with a function that leaves again, or at once with null when too many wait. Rejects when the signal aborts first.
   */
  async enter(key: string, signal: AbortSignal): Promise<(() => void) | null> {
    signal.throwIfAborted()
    if (this.#hasRoom(key)) return this.#leaveOf(key)
    if (this.#waiting.size >= this.#room.waiting) return null
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        key,
        enter: leave => {
          signal.removeEventListener('abort', giveUp)
          resolve(leave)
        },
      }
      const giveUp = (): void => {
        this.#waiting.delete(one)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.add(one)
    })
  }

  #hasRoom(key: string): boolean {
    return this.#all < this.#room.all && (this.#inside.get(key) ?? 0) < this.#room.each
  }

  /** Enters, and gives the function that leaves; to call it twice does nothing more. */
  #leaveOf(key: string): () => void {
    this.#all += 1
    this.#inside.set(key, (this.#inside.get(key) ?? 0) + 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#all -= 1
      const left = (this.#inside.get(key) ?? 1) - 1
      if (left === 0) this.#inside.delete(key)
      else this.#inside.set(key, left)
      for (const one of this.#waiting) {
        if (!this.#hasRoom(one.key)) continue
        this.#waiting.delete(one)
        one.enter(this.#leaveOf(one.key))
        return
      }
    }
  }
}
