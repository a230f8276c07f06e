import type { Clocks } from '../../clocks.ts'
import { pause } from '../../waiting.ts'
import { LogError, type Position } from '../log.ts'
import type { Commit, Outbox } from '../outbox.ts'
import type { LogTime } from './log-time.ts'
import type { Row } from './outbox.ts'
import type { Tended } from './tend.ts'
import { PRIMARY, type WriterThread } from './thread.ts'
import type { Fields, WriterAnswer, WriterRequest } from './writer.ts'

export interface LaneOptions {
  readonly thread: WriterThread
  readonly outbox: Outbox<Row, Position>
  readonly clocks: Clocks
  /** What is forgotten goes by. */
  readonly time: LogTime
  /** Aborts when the log is closed: what can not be written then is refused. */
  readonly closing: AbortSignal
  /** Told of each commit, after those who appended it. */
  readonly onDurable: () => void
  /** Told what keeps it from writing; with an empty text that it writes again. */
  readonly onTrouble: (trouble: string) => void
  /** Told of each look at what is kept. */
  readonly onTended: (tended: Tended, walBytes: number) => void
}

/** SQLITE_FULL, SQLITE_IOERR and SQLITE_BUSY pass when there is room, the disk is back or a reader ends; the rest does not mend itself. */
const PASSING = new Set([13, 10, 5])
/** What did not work and can pass is tried again after so long. */
export const RETRY_MS = 1_000
/** Commits on their way: while one is written the next one is there already. */
const AHEAD = 2
/** What is kept is looked at so often, and whenever so much was written. */
const TEND_EVERY_MS = 60_000
const TEND_AFTER_BYTES = 16_777_216

type Append = Extract<WriterRequest, { kind: 'append' }>

interface Sent {
  readonly commit: Commit<Row, Position>
  readonly request: Append
  readonly answer: Promise<WriterAnswer>
}

/**
 * The writer's other half: what waits becomes transactions (group commit), in order. A failed one is tried again until it is written
 * or will never be; the thread skips those behind it meanwhile, and they are sent again after it.
 */
export class Lane {
  readonly #options: LaneOptions
  #number = 0
  #draining: Promise<void> | null = null
  #tending: Promise<boolean> | null = null
  #tendAt = -Infinity
  #untended = 0
  #ended: LogError | null = null

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** Why nothing will ever be written again; null while it may. */
  get ended(): LogError | null {
    return this.#ended
  }

  /** Something was put into the outbox, or will be before this turn of the event loop ends; or it is time to look at what is kept. */
  wake(): void {
    this.#draining ??= this.#drain()
  }

  /** What is past its time goes at once; and again and again, as time passes where nothing is written too. Resolves when the log is closed. */
  async keepTending(): Promise<void> {
    for (const { closing } = this.#options; !closing.aborted; await pause(TEND_EVERY_MS, closing)) this.wake()
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await this.#draining
  }

  async #drain(): Promise<void> {
    // Appends of the same turn go together.
    await Promise.resolve()
    const flight: Sent[] = []
    for (;;) {
      this.#send(flight)
      this.#tend()
      const sent = flight.shift()
      if (sent !== undefined) await this.#finish(sent, flight)
      else if (this.#tending === null || !(await this.#tending)) {
        if (this.#options.outbox.empty) break
      }
    }
    this.#draining = null
  }

  /** Nothing on its way: whatever waits goes. Else only a commit that would not grow if it waited. */
  #send(flight: Sent[]): void {
    const { clocks, outbox, thread } = this.#options
    while (flight.length === 0 || (flight.length < AHEAD && outbox.full)) {
      const commit = outbox.next()
      if (commit === null) return
      this.#untended += commit.bytes
      const request = {
        kind: 'append',
        number: this.#number,
        fields: fieldsOf(commit.items),
        at: clocks.now(),
      } as const
      this.#number += 1
      flight.push({ commit, request, answer: thread.ask(request) })
    }
  }

  /** Settles a commit. After a failure nothing more is sent until all that is on its way was sent again and written. */
  async #finish(sent: Sent, flight: Sent[]): Promise<void> {
    const answer = await sent.answer
    await this.#insist(sent, answer)
    if (answer.kind === 'done') return
    for (const behind of flight.splice(0)) await this.#insist(behind, await behind.answer)
  }

  async #insist({ commit, request }: Sent, first: WriterAnswer): Promise<void> {
    const { closing, onDurable, onTrouble, thread } = this.#options
    for (let answer = first; this.#ended === null; answer = await thread.ask(request)) {
      if (answer.kind === 'done') {
        onTrouble('')
        commit.resolve(String(answer.last))
        return onDurable()
      }
      if (answer.kind === 'skipped') continue
      const trouble = `the log can not be written: ${messageIn(answer)}`
      if (!passes(answer) || closing.aborted) this.#end(trouble)
      else {
        onTrouble(trouble)
        await pause(RETRY_MS, closing)
      }
    }
    // Once a transaction is lost, those behind it are too: nothing is durable that came after a loss.
    commit.reject(this.#ended)
  }

  /** Forgets one small part of what is past its time or too much, when it is time to; between commits, and no two at once. */
  #tend(): void {
    const { clocks, closing, thread, time } = this.#options
    const now = clocks.steady()
    const due = now >= this.#tendAt || this.#untended >= TEND_AFTER_BYTES
    if (!due || this.#tending !== null || this.#ended !== null || closing.aborted) return
    this.#untended = 0
    this.#tendAt = now + TEND_EVERY_MS
    this.#tending = thread.ask({ kind: 'tend', ...time.look() }).then(answer => this.#tended(answer))
  }

  #tended(answer: WriterAnswer): boolean {
    this.#tending = null
    if (answer.kind === 'tended') {
      this.#options.onTended(answer.tended, answer.walBytes)
      if (answer.tended.more) this.#tendAt = -Infinity
      return answer.tended.more
    }
    // A full disk is not the fault of what is forgotten: it is tried again when it is time.
    if (!passes(answer)) this.#end(`the log can not be written: ${messageIn(answer)}`)
    return false
  }

  #end(message: string): void {
    this.#ended ??= new LogError('fatal', message)
    this.#options.onTrouble(message)
  }
}

/** True for what goes on by itself when there is room, the disk is back or a reader ends. */
export function passes(answer: WriterAnswer): boolean {
  return answer.kind === 'failed' && PASSING.has(answer.code & PRIMARY)
}

function messageIn(answer: WriterAnswer): string {
  return answer.kind === 'failed' ? answer.message : 'an unexpected answer'
}

function fieldsOf(rows: readonly Row[]): Fields {
  const fields: (string | null)[] = []
  for (const [stream, key, json] of rows) fields.push(stream, key, json)
  return fields
}
