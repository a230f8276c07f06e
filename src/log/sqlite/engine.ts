import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Fault, messageOf } from '../../errors.ts'
import { pause, until } from '../../waiting.ts'
import { encode, type Encoded, type RecordOptions } from '../encode.ts'
import {
  type Entry,
  type EventLog,
  EVENT_STREAMS,
  type LogHealth,
  LogError,
  type Loss,
  type Position,
  STATE_STREAMS,
  type Stored,
} from '../log.ts'
import { takeLock } from './lock.ts'
import { openReader, type Reader } from './reader.ts'
import type { Commit } from '../outbox.ts'
import { createOutbox } from './outbox.ts'
import type { Row, WriterAnswer, WriterRequest } from './writer.ts'

export interface SqliteLogOptions extends RecordOptions {
  readonly file: string
  /** How long events stay, in ms; day-2 events (the audit) have their own. */
  readonly retentionMs: number
  readonly auditRetentionMs: number
  /** Told when the log stops or starts to accept writes. */
  readonly onHealth?: (health: LogHealth) => void
}

/** SQLITE_FULL and SQLITE_IOERR pass when there is room or the disk is back; the rest does not mend itself. */
const PASSING = new Set([10, 13, 5])
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26])
const RETRY_MS = 1_000
const PRUNE_EVERY_MS = 60_000
const PRUNE_ROWS = 5_000
/** SQLite's primary result code is the low byte of the extended one. */
const PRIMARY = 0xff

/**
 * Opens the embedded log: one file in WAL mode, every commit fsynced, writes on a thread of their own, held for life.
 *
 * Throws a Fault: `log_held`, `log_network`, `log_newer`, `log_foreign`, `log_damaged`, or `log_open` when the file can not be opened or
 * made.
 */
export async function openSqliteLog(options: SqliteLogOptions): Promise<EventLog> {
  await using stack = new AsyncDisposableStack()
  try {
    mkdirSync(dirname(options.file), { recursive: true })
    stack.use(takeLock(options.file, { pid: process.pid, host: hostname(), since: new Date().toISOString() }))
    const writer = await startWriter(options.file)
    stack.defer(() => stopWriter(writer))
    const reader = stack.use(openReader(options.file))
    const log = new SqliteLog(options, writer, reader, stack.move())
    log.prune()
    return log
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('log_open', `can not open the log ${options.file}: ${messageOf(error)}`, {
      hint: 'log.path must name a file in a folder this process may write, on a disk with room',
      cause: error,
    })
  }
}

async function startWriter(file: string): Promise<Worker> {
  const source = new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url)
  const worker = new Worker(source, { workerData: { file } })
  const answer = await answerOf(worker)
  if (answer.kind === 'opened') return worker
  await worker.terminate()
  if (answer.kind === 'refused') throw new Fault(answer.code, answer.message, { hint: answer.hint })
  if (answer.kind === 'failed' && DAMAGED.has(answer.code & PRIMARY)) {
    throw new Fault('log_damaged', `${file} can not be read as a log: ${answer.message}`, {
      hint: 'restore it from a backup, or move it away to start anew: the VMs are then adopted again; nothing was changed',
    })
  }
  throw new Error(answer.kind === 'failed' ? answer.message : 'an unexpected answer')
}

async function stopWriter(worker: Worker): Promise<void> {
  await ask(worker, { kind: 'close' }).catch(() => undefined)
  await worker.terminate()
}

function ask(worker: Worker, request: WriterRequest): Promise<WriterAnswer> {
  const answer = answerOf(worker)
  worker.postMessage(request)
  return answer
}

/** The next thing the writing thread says. Rejects when it ends instead. */
function answerOf(worker: Worker): Promise<WriterAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      worker.removeListener('message', answered)
      worker.removeListener('error', failed)
      worker.removeListener('exit', left)
      act()
    }
    const answered = (answer: WriterAnswer): void => settle(() => resolve(answer))
    const failed = (error: unknown): void => settle(() => reject(error))
    const left = (): void => settle(() => reject(new Error('the writing thread ended')))
    worker.once('message', answered)
    worker.once('error', failed)
    worker.once('exit', left)
  })
}

type PruneRequest = Extract<WriterRequest, { kind: 'prune' }>

class SqliteLog implements EventLog {
  readonly #options: SqliteLogOptions
  readonly #worker: Worker
  readonly #reader: Reader
  readonly #resources: AsyncDisposableStack
  readonly #closing = new AbortController()
  readonly #outbox = createOutbox(this.#closing.signal)
  readonly #chores: PruneRequest[] = []
  #appended = Promise.withResolvers<void>()
  #trouble = ''
  #fatal: LogError | null = null
  #draining: Promise<void> | null = null
  #pruned = Date.now()

  constructor(options: SqliteLogOptions, worker: Worker, reader: Reader, resources: AsyncDisposableStack) {
    this.#options = options
    this.#worker = worker
    this.#reader = reader
    this.#resources = resources
  }

  async append(entries: readonly Entry[]): Promise<Position> {
    this.#refuseWhenLost()
    if (this.#closing.signal.aborted) throw new LogError('fatal', 'the log is closed')
    const { records, refusal } = encode(entries, this.#options, Date.now())
    const rows = records.map(toRow)
    await this.#outbox.room(rows)
    this.#refuseWhenLost()
    const durable = this.#outbox.add(rows)
    this.#draining ??= this.#drain()
    const position = await durable
    if (refusal !== null) throw refusal
    return position
  }

  #refuseWhenLost(): void {
    if (this.#fatal !== null) throw this.#fatal
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
    const reason = this.#fatal?.message ?? this.#trouble
    return {
      writable: reason === '',
      readable: true,
      reason,
      waitingBytes: this.#outbox.bytes,
      holder: `process ${process.pid} on ${hostname()}`,
    }
  }

  losses(): readonly Loss[] {
    return []
  }

  confirmLoss(_id: string): Promise<void> {
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return
    // What was let in is still written, unless that is what does not work; what waits to be let in is refused.
    this.#closing.abort()
    await this.#draining
    await this.#resources.disposeAsync()
  }

  /** Forgets events past their retention time, and tombstones with them: a bounded number a transaction, between appends. */
  prune(): void {
    const now = Date.now()
    this.#pruned = now
    for (const stream of [...EVENT_STREAMS, ...STATE_STREAMS]) {
      const keep = stream === 'events.day2' ? this.#options.auditRetentionMs : this.#options.retentionMs
      this.#chores.push({ kind: 'prune', stream, before: now - keep, limit: PRUNE_ROWS })
    }
    this.#draining ??= this.#drain()
  }

  /** One transaction at a time: what comes in while it is written is the next one (group commit). Chores wait for a quiet moment. */
  async #drain(): Promise<void> {
    for (;;) {
      const commit = this.#outbox.next()
      const chore = commit === null ? this.#chores.shift() : undefined
      if (commit !== null) await this.#commit(commit)
      else if (chore !== undefined) await this.#do(chore)
      else break
    }
    this.#draining = null
    if (Date.now() - this.#pruned > PRUNE_EVERY_MS && !this.#closing.signal.aborted) this.prune()
  }

  async #commit(commit: Commit<Row, Position>): Promise<void> {
    const last = await this.#write({ kind: 'append', rows: commit.items, at: Date.now() })
    if (last === null) return commit.reject(this.#fatal ?? new LogError('fatal', 'the log is lost'))
    commit.resolve(String(last))
    this.#appended.resolve()
    this.#appended = Promise.withResolvers<void>()
  }

  /** A chore that did all it may at one go has more to do. */
  async #do(chore: PruneRequest): Promise<void> {
    const done = await this.#write(chore)
    if (done === chore.limit && !this.#closing.signal.aborted) this.#chores.push(chore)
  }

  /** What the writer said, or null: once a transaction is lost, those behind it are too. Nothing is durable that came after a loss. */
  async #write(request: WriterRequest): Promise<number | null> {
    while (this.#fatal === null) {
      const answer = await this.#ask(request)
      if (answer.kind === 'done') {
        this.#say('')
        return answer.last
      }
      const message = answer.kind === 'failed' ? answer.message : 'an unexpected answer'
      if (answer.kind === 'failed' && PASSING.has(answer.code & PRIMARY) && !this.#closing.signal.aborted) {
        this.#say(`the log can not be written: ${message}`)
        await pause(RETRY_MS, this.#closing.signal)
        continue
      }
      this.#fatal = new LogError('fatal', `the log can not be written: ${message}`)
      this.#say(this.#fatal.message)
    }
    return null
  }

  async #ask(request: WriterRequest): Promise<WriterAnswer> {
    try {
      return await ask(this.#worker, request)
    } catch (error) {
      return { kind: 'failed', code: 0, message: messageOf(error) }
    }
  }

  #say(trouble: string): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#options.onHealth?.(this.health())
  }
}

function toRow({ stream, key, json }: Encoded): Row {
  return [stream, key, json]
}
