import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { type Clocks, steadyClock } from '../../clocks.ts'
import { Fault, messageOf } from '../../errors.ts'
import { pause, until } from '../../waiting.ts'
import { encode, type RecordOptions } from '../encode.ts'
import { type Entry, type EventLog, type LogHealth, LogError, type Loss, type Position, type Stored } from '../log.ts'
import { makePrivate } from '../private-file.ts'
import { lossesOf } from './copied.ts'
import { Lane, passes, RETRY_MS } from './lane.ts'
import { takeLock } from './lock.ts'
import { LogTime } from './log-time.ts'
import { createOutbox, type Row } from './outbox.ts'
import { openReader, type Reader } from './reader.ts'
import type { Limits } from './retention.ts'
import type { Tended } from './tend.ts'
import { WriterThread } from './thread.ts'

export interface SqliteLogOptions extends RecordOptions, Pick<Limits, 'retentionMs' | 'auditRetentionMs'> {
  readonly file: string
  /** Without: any size; and the audit keeps its time whatever the size. */
  readonly maxBytes?: number
  readonly sizeTakesAudit?: boolean
  /** Those of the machine, when none are given. */
  readonly clocks?: Clocks
  /** How large the write-ahead log may become while somebody else reads, in bytes. */
  readonly walBytes?: number
  /** Told when the log stops or starts to accept writes, and when there is something else to say of it. */
  readonly onHealth?: (health: LogHealth) => void
}

/** The write-ahead log is not let grow beyond this. */
const WAL_BYTES = 1_073_741_824
/** That it is kept from being emptied is told from this size on. */
const WAL_NOTICE_BYTES = 134_217_728
const DAY_MS = 86_400_000
const CLOCKS: Clocks = { now: Date.now, steady: steadyClock }

/**
 * Opens the embedded log: one file in WAL mode, every commit fsynced, writes on a thread of their own, held for life. A file of an
 * older virtbridge is migrated first.
 *
 * Throws a Fault: `log_held`, `log_network`, `log_newer`, `log_foreign`, `log_damaged`, `log_migrate`, or `log_open` when the file can
 * not be opened or made.
 */
export async function openSqliteLog(options: SqliteLogOptions): Promise<EventLog> {
  await using stack = new AsyncDisposableStack()
  try {
    const { file, retentionMs, auditRetentionMs, maxBytes = Infinity, sizeTakesAudit = false } = options
    mkdirSync(dirname(file), { recursive: true })
    stack.use(takeLock(file, { pid: process.pid, host: hostname(), since: new Date().toISOString() }))
    makePrivate(file)
    const limits = { retentionMs, auditRetentionMs, maxBytes, sizeTakesAudit }
    const thread = stack.use(await WriterThread.start({ file, limits, walBytes: options.walBytes ?? WAL_BYTES }))
    const reader = stack.use(openReader(file))
    // What its constructor throws leaves nothing open.
    const owned = new AsyncDisposableStack()
    const log = new SqliteLog(options, thread, reader, owned)
    owned.use(stack.move())
    return log
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('log_open', `can not open the log ${options.file}: ${messageOf(error)}`, {
      hint: 'log.path must name a file in a folder this process may write, on a disk with room',
      cause: error,
    })
  }
}

class SqliteLog implements EventLog {
  readonly #options: SqliteLogOptions
  readonly #clocks: Clocks
  readonly #time: LogTime
  readonly #reader: Reader
  readonly #thread: WriterThread
  readonly #resources: AsyncDisposableStack
  readonly #closing = new AbortController()
  readonly #outbox = createOutbox(this.#closing.signal)
  readonly #lane: Lane
  #losses: readonly Loss[]
  #appended = Promise.withResolvers<void>()
  #trouble = ''
  #notice = ''
  /** What there is to be said of what it keeps. */
  #stock: readonly string[] = []
  /** When size last took what age would have kept, by the steady clock, and until when those were stored. */
  #taken = { at: -Infinity, until: 0 }

  constructor(options: SqliteLogOptions, thread: WriterThread, reader: Reader, resources: AsyncDisposableStack) {
    this.#options = options
    this.#clocks = options.clocks ?? CLOCKS
    const shortestMs = Math.min(options.retentionMs, options.auditRetentionMs)
    this.#time = new LogTime(this.#clocks, reader.time(), shortestMs)
    this.#reader = reader
    this.#thread = thread
    this.#resources = resources
    this.#losses = lossesOf(reader.copied())
    this.#lane = new Lane({
      thread,
      outbox: this.#outbox,
      clocks: this.#clocks,
      time: this.#time,
      closing: this.#closing.signal,
      onDurable: () => this.#durable(),
      onTrouble: trouble => this.#say(trouble, this.#stock),
      onTended: (tended, walBytes) => this.#tended(tended, walBytes),
    })
    this.#say('', [])
    void this.#lane.keepTending()
  }

  async append(entries: readonly Entry[]): Promise<Position> {
    this.#refuseIfOver()
    const { records, refusal } = encode(entries, this.#options, this.#clocks.now())
    const rows = records.map(({ stream, key, json }): Row => [stream, key, json])
    const position = await this.#outbox.put(rows, () => {
      this.#refuseIfOver()
      this.#lane.wake()
    })
    if (refusal !== null) throw refusal
    return position
  }

  #refuseIfOver(): void {
    if (this.#lane.ended !== null) throw this.#lane.ended
    if (this.#closing.signal.aborted) throw new LogError('fatal', 'the log is closed')
  }

  async *follow(stream: Entry['stream'], from: Position, signal: AbortSignal): AsyncIterable<Stored> {
    const stop = AbortSignal.any([signal, this.#closing.signal])
    let at = from
    while (!stop.aborted) {
      const appended = this.#appended.promise
      const found = this.#reader.page(stream, at, Number.MAX_SAFE_INTEGER)
      for (const entry of found) {
        if (stop.aborted) return
        yield entry
        at = entry.position
      }
      if (found.length === 0) await until(appended, stop)
    }
  }

  page(stream: Entry['stream'], from: Position, limit: number): Promise<readonly Stored[]> {
    return Promise.resolve(this.#reader.page(stream, from, limit))
  }

  latest(stream: 'state.fleet' | 'state.runs'): AsyncIterable<Stored> {
    return this.#reader.latest(stream)
  }

  end(stream: Entry['stream']): Position {
    return this.#reader.end(stream)
  }

  health(): LogHealth {
    const reason = this.#lane.ended?.message ?? this.#trouble
    return {
      writable: reason === '',
      readable: true,
      reason,
      hint:
        reason === ''
          ? ''
          : 'make room on its disk, mend its permissions, or end the program that holds it; nothing stored is lost',
      notice: this.#notice,
      waitingBytes: this.#outbox.bytes,
      holder: `process ${process.pid} on ${hostname()}`,
    }
  }

  losses(): readonly Loss[] {
    return this.#losses
  }

  async confirmLoss(id: string): Promise<void> {
    if (!this.#losses.some(loss => loss.id === id)) return
    for (;;) {
      const answer = await this.#thread.ask({ kind: 'confirm', loss: id })
      if (answer.kind === 'done') break
      if (!passes(answer) || this.#closing.signal.aborted) throw new LogError('fatal', 'the log can not be written')
      await pause(RETRY_MS, this.#closing.signal)
    }
    this.#losses = lossesOf(this.#reader.copied())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return
    // What was let in is still written, unless that is what does not work; what waits to be let in is refused.
    this.#closing.abort()
    await this.#lane.idle()
    await this.#resources.disposeAsync()
  }

  #durable(): void {
    this.#appended.resolve()
    this.#appended = Promise.withResolvers<void>()
  }

  #tended(tended: Tended, walBytes: number): void {
    const now = this.#clocks.steady()
    if (tended.taken > 0) this.#taken = { at: now, until: Math.max(this.#taken.until, tended.takenUntil) }
    const { maxBytes = Infinity } = this.#options
    const notices: string[] = []
    if (tended.stuck) {
      const sizes = `${megabytes(tended.usedBytes)} MB, more than the ${megabytes(maxBytes)} MB that it may`
      notices.push(`the log has ${sizes}, and nothing is left that may go: give it more room or less to keep`)
    } else if (now - this.#taken.at < DAY_MS) {
      const day = new Date(this.#taken.until).toISOString().slice(0, 10)
      notices.push(`events up to ${day} went before their time, as the log may have ${megabytes(maxBytes)} MB`)
    }
    if (walBytes > WAL_NOTICE_BYTES) notices.push('another program reads the log and keeps its write-ahead log growing')
    this.#say(this.#trouble, notices)
  }

  #say(trouble: string, stock: readonly string[]): void {
    this.#stock = stock
    const notice = [this.#time.doubt, ...stock].filter(Boolean).join('; ')
    if (trouble === this.#trouble && notice === this.#notice) return
    this.#trouble = trouble
    this.#notice = notice
    this.#options.onHealth?.(this.health())
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576)
}
