import { Fault, messageOf } from '../../errors.ts'
import { pause } from '../../waiting.ts'
import { LogError, STATE_STREAMS } from '../log.ts'
import { BARRIER_KEY, type Claim, ownRecord } from './claim.ts'
import { reactionTo } from './errors.ts'
import type { Commit, Outbox } from '../outbox.ts'
import type { OutgoingRecord } from './record.ts'
import { CLAIMED, lookAround } from './recovery.ts'
import { type Placed, Session, type SessionOptions } from './session.ts'
import { Alarm, Watchdog } from './watchdog.ts'

export interface LaneOptions extends SessionOptions {
  readonly claim: Claim
  readonly outbox: Outbox<OutgoingRecord, void>
  /** Aborts when the log is closed: what waits then is refused. */
  readonly closing: AbortSignal
  /** Told of everything that became durable, before those who appended it. */
  readonly onPlaced: (placed: readonly Placed[]) => void
  /** Told what keeps it from writing; with an empty text that it writes again. */
  readonly onTrouble: (trouble: string) => void
}

const BACKOFF_MS = { first: 50, most: 1_000 }
/** No commit takes longer, whatever hangs: its session is given up, and with it every connection. */
const WATCHDOG_MS = 30_000
/** A commit that takes longer is trouble, whatever it waits for: health says so before any time-out does. */
const SLOW_MS = 5_000

/**
 * The writer: one transaction at a time, each with all that waited meanwhile (group commit), in order.
 *
 * It goes on over every failure that can pass. A failed commit is never guessed at, and neither is the one before it, whose markers may
 * still be on their way: a new session (which aborts what was open, and settles what was left undecided) tells whether they count, and
 * only what does not is sent again. The same look tells whether
 * somebody else took over: then nothing more is ever written, and everybody who waits hears `fenced`.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #slow: Alarm
  readonly #dog: Watchdog
  #session: Session | null = null
  #draining: Promise<void> | null = null
  /** The offset after the newest record of ours that may be in the claimed partition and was acknowledged. */
  #known = 0
  /**
   * The newest commit that was acknowledged, with its records: at most one commit's bytes. Its markers may not have been written yet, and
   * if the coordinator dies before they are it may come to nothing (`Session.settle`): then it is written again.
   */
  #last: readonly Placed[] = []
  #lastAt = 0
  #ended: LogError | null = null

  constructor(options: LaneOptions) {
    this.#options = options
    const trouble = `Kafka does not take writes: no answer within ${SLOW_MS / 1000} s`
    this.#slow = new Alarm(SLOW_MS, () => options.onTrouble(trouble))
    this.#dog = new Watchdog(WATCHDOG_MS, options.closing)
  }

  /** Why nothing will ever be written again; null while it may. */
  get ended(): LogError | null {
    return this.#ended
  }

  /**
   * Takes the log over from whoever had it, and then writes `claims`: called when nobody else can write any more, and all that was
   * written can be read, as a record of ours lies behind it in every state partition. Throws when it can not within `deadlineMs`, and
   * what `claims` throws as a Fault at once.
   */
  async open(deadlineMs: number, claims: () => Promise<readonly OutgoingRecord[]>): Promise<void> {
    const { partitions, closing } = this.#options
    const barriers = STATE_STREAMS.flatMap(stream =>
      Array.from({ length: partitions }, (_, partition) => ownRecord(BARRIER_KEY, '{}', stream, partition)),
    )
    const deadline = performance.now() + deadlineMs
    for (let wait = BACKOFF_MS.first; ; wait = Math.min(wait * 2, 1_000)) {
      try {
        this.#session = await Session.open(this.#options)
        await this.#session.settle(barriers, this.#timestamp())
        const placed: Placed[] = []
        await this.#session.commit(await claims(), this.#timestamp(), placed)
        this.#note(placed)
        return
      } catch (error) {
        this.#drop()
        if (error instanceof Fault) throw error
        if (performance.now() > deadline || closing.aborted) throw error
        await pause(wait, closing)
      }
    }
  }

  /** Something was put into the outbox. */
  wake(): void {
    this.#draining ??= this.#drain()
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await this.#draining
  }

  async close(): Promise<void> {
    await this.#draining
    await this.#session?.[Symbol.asyncDispose]()
  }

  /** What comes in while a commit is on its way is the next one. */
  async #drain(): Promise<void> {
    const { outbox } = this.#options
    // Appends of the same turn go together.
    await Promise.resolve()
    for (let commit = outbox.next(); commit !== null; commit = outbox.next()) {
      try {
        if (this.#ended !== null) throw this.#ended
        const placed = await this.#write(commit.items)
        this.#options.onPlaced(placed)
        commit.resolve()
      } catch (error) {
        this.#refuse(commit, error)
      }
    }
    this.#draining = null
  }

  #refuse(commit: Commit<OutgoingRecord, void>, error: unknown): void {
    const refusal = error instanceof LogError ? error : new LogError('fatal', messageOf(error), { cause: error })
    if (refusal.reaction === 'fenced') this.#ended = refusal
    commit.reject(refusal)
  }

  async #write(records: readonly OutgoingRecord[]): Promise<readonly Placed[]> {
    const { closing, onTrouble } = this.#options
    const timestamp = this.#timestamp()
    this.#slow.set()
    const there: Placed[] = []
    let left = records
    let last = this.#last
    let doubt: readonly Placed[] = []
    for (let wait = BACKOFF_MS.first; ; wait = Math.min(wait * 2, BACKOFF_MS.most)) {
      try {
        if (this.#session?.worn === true) this.#drop()
        if (this.#session === null) {
          const counted = await this.#recover([last, doubt])
          left = [...without(recordsOf(last), counted), ...without(left, counted)]
          there.push(...doubt.filter(placed => counted.has(placed)))
          last = []
          doubt = []
        }
        if (left.length > 0) {
          const placed: Placed[] = []
          doubt = placed
          await this.#dog.watch(async () => this.#need().commit(left, timestamp, placed))
          there.push(...placed)
        }
        this.#slow.off()
        this.#last = there
        this.#note(there)
        onTrouble('')
        return there
      } catch (error) {
        this.#slow.off()
        this.#drop()
        const reaction = reactionTo(error)
        if (reaction === 'fenced' || reaction === 'fatal') throw error
        if (closing.aborted) throw new LogError('fatal', 'the log is closed', { cause: error })
        onTrouble(`Kafka does not take writes: ${messageOf(error)}`)
        await pause(wait, closing)
      }
    }
  }

  /** Begins anew after a failure, and resolves with what counts of commits that may or may not. */
  async #recover(doubts: readonly (readonly Placed[])[]): Promise<ReadonlySet<Placed>> {
    const given = new AbortController()
    const look = async (): Promise<ReadonlySet<Placed>> => {
      const session = await Session.open(this.#options, given.signal)
      this.#session = session
      const { claim } = this.#options
      return lookAround({
        options: this.#options,
        session,
        claim,
        known: this.#known,
        at: this.#timestamp(),
        doubts,
        signal: given.signal,
      })
    }
    return this.#dog.watch(look, reason => given.abort(reason))
  }

  #note(placed: readonly Placed[]): void {
    for (const { stream, partition, next } of placed) {
      if (stream === CLAIMED.stream && partition === CLAIMED.partition) this.#known = Math.max(this.#known, next)
    }
  }

  /** Grows with every commit, so that times order commits over all partitions. */
  #timestamp(): number {
    this.#lastAt = Math.max(Date.now(), this.#lastAt + 1)
    return this.#lastAt
  }

  #drop(): void {
    void this.#session?.[Symbol.asyncDispose]()
    this.#session = null
  }

  #need(): Session {
    if (this.#session === null) throw new Error('there is no session')
    return this.#session
  }
}

function recordsOf(placed: readonly Placed[]): readonly OutgoingRecord[] {
  return placed.flatMap(({ records }) => records)
}

/** The records that are in none of these places. */
function without(records: readonly OutgoingRecord[], places: ReadonlySet<Placed>): readonly OutgoingRecord[] {
  const there = new Set(recordsOf([...places]))
  return records.filter(record => !there.has(record))
}
