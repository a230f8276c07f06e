/** A partition as a Fetch asks for it. */
export interface Place {
  readonly partition: number
  readonly fetchOffset: number
  readonly maxBytes: number
}

/** What a Fetch asks for, in a session or alone. */
export interface Asked {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly Place[] }[]
}

/** Errors of a whole Fetch that mean: the broker forgot the session (it keeps a thousand), or is at another point of it. */
const FORGOTTEN = new Set([70, 71])
const MAX_EPOCH = 2_147_483_647

/**
 * An incremental fetch session with one broker (KIP-227): after the first, a request names only those partitions whose offset moved,
 * and the answer only those that have something new. A follower of 84 partitions so costs its broker what one of two does.
 *
 * Always the same partitions, by growing offsets; over with its connection.
 */
export class FetchSession {
  #id = 0
  #epoch = 0
  readonly #offsets = new Map<string, number>()

  /** What to ask now, when these places are wanted. */
  ask(wanted: ReadonlyMap<string, readonly Place[]>): Asked {
    if (this.#id === 0) this.#offsets.clear()
    const topics: { topic: string; partitions: Place[] }[] = []
    for (const [topic, places] of wanted) {
      const partitions = places.filter(
        ({ partition, fetchOffset }) => this.#offsets.get(`${topic}/${partition}`) !== fetchOffset,
      )
      for (const { partition, fetchOffset } of partitions) this.#offsets.set(`${topic}/${partition}`, fetchOffset)
      if (partitions.length > 0) topics.push({ topic, partitions })
    }
    return { sessionId: this.#id, sessionEpoch: this.#epoch, topics }
  }

  /** Where the broker goes on in a partition. */
  offsetOf(topic: string, partition: number): number {
    return this.#offsets.get(`${topic}/${partition}`) ?? 0
  }

  /** Takes note of a raw Fetch response (version 11). False: there is no session any more, nothing was answered, ask again. */
  answered(raw: Buffer): boolean {
    const errorCode = raw.readInt16BE(4)
    const id = raw.readInt32BE(6)
    // A broker that has no room for a session gives none: each request is a first one then.
    const goesOn = errorCode === 0 && id !== 0
    this.#id = goesOn ? id : 0
    this.#epoch = goesOn ? (this.#epoch % MAX_EPOCH) + 1 : 0
    return !FORGOTTEN.has(errorCode)
  }
}

/** A Fetch outside any session. */
export function oneFetch(wanted: ReadonlyMap<string, readonly Place[]>): Asked {
  const topics = [...wanted].map(([topic, partitions]) => ({ topic, partitions }))
  return { sessionId: 0, sessionEpoch: -1, topics }
}
