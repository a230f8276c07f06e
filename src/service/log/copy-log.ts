import { messageOf, Fault } from '../../errors.ts'
import {
  type Entry,
  EVENT_STREAMS,
  type EventLog,
  LogError,
  type Position,
  START,
  type Stream,
} from '../../log/index.ts'
import type { Glimpse } from '../../log/kafka/index.ts'
import { type Move, MOVE_KEY, moveOf, newMove } from '../../log/move.ts'
import type { SqliteSource } from '../../log/sqlite/source.ts'
import { counted } from '../../whole-number.ts'

/** The key of the ledger that says up to which command the dispatcher has read (`src/day2/ledger.ts`). It is a position, so it must be translated for the new log. */
const COMMANDS_KEY = 'position/commands'
/** The streams after `commands`, which is copied first: its new position must be known when the ledger is copied. */
const ORDER: readonly Stream[] = [...EVENT_STREAMS.filter(stream => stream !== 'commands'), 'state.fleet', 'state.runs']

/** How far the log on Kafka has been copied from this source; null when it is empty. Throws a Fault `log_occupied` when it holds anything else. */
export async function findMove(target: Glimpse, source: Pick<SqliteSource, 'id' | 'end'>): Promise<Move | null> {
  const move = moveOf(await target.latest('state.runs', MOVE_KEY))
  if (move === null) {
    const stream = await target.held()
    if (stream === null) return null
    throw occupied(`${stream} has records already`)
  }
  if (move.from !== source.id) throw occupied('it was copied from another log')
  const newest = Math.max(...Object.values(move.positions).map(Number), 0)
  if (newest > Number(source.end)) throw occupied('it was copied from a later state of this log')
  return move
}

function occupied(why: string): Fault {
  return new Fault('log_occupied', `the log on Kafka is not empty: ${why}`, {
    hint: 'name another log.kafka.topic_prefix, and make its topics by virtbridge topics --create; nothing was changed',
  })
}

/** Throws a Fault `log_half_copied` when the log is an unfinished copy: a bridge would take what is missing for what never was. */
export async function refuseHalfCopied(target: Glimpse): Promise<void> {
  const move = moveOf(await target.latest('state.runs', MOVE_KEY))
  if (move === null || move.status === 'done') return
  throw new Fault(
    'log_half_copied',
    `the log on Kafka is a copy that was not finished: ${counted(move.entries, 'entry')} so far`,
    {
      hint: 'virtbridge log copy --from FILE, with the file that it comes from, goes on where it was',
    },
  )
}

export interface CopyOptions {
  readonly source: SqliteSource
  readonly target: EventLog
  /** How far an earlier copy came, as `findMove()` found it; null to begin. */
  readonly move: Move | null
  /** Aborting it ends the copy with a Fault `interrupted`. What was copied stays, and the next copy goes on there. */
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** Copies every stream from where an earlier copy stopped; each transaction stores how far it is. Closes `target`. Rejects with a Fault `interrupted` or `log_kafka`. */
export async function copyLog(options: CopyOptions): Promise<Move> {
  const { source, target, move, signal } = options
  const copy = new Copy(options, move ?? newMove(source.id))
  // On an abort the target is closed at once, so that nobody waits for a Kafka that takes nothing.
  let closed: PromiseLike<void> | null = null
  const close = (): PromiseLike<void> => (closed ??= target[Symbol.asyncDispose]())
  const stop = (): void => void close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await copy.commands()
    for (const stream of ORDER) await copy.stream(stream)
    return await copy.finish()
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    throw new Fault('log_kafka', `the copy was not finished: ${messageOf(error)}`, {
      hint: 'when Kafka is well, and no bridge was started on it, the same command goes on where it was',
      cause: error,
    })
  } finally {
    signal.removeEventListener('abort', stop)
    await close()
  }
}

class Copy {
  readonly #options: CopyOptions
  readonly #total: number
  #move: Move

  constructor(options: CopyOptions, move: Move) {
    const left = ['commands' as const, ...ORDER].map(stream =>
      options.source.count(stream, move.positions[stream] ?? START),
    )
    this.#options = options
    this.#move = move
    this.#total = move.entries + left.reduce((sum, count) => sum + count, 0)
  }

  /** Copies the commands that the dispatcher has read, notes the new position for them, then copies the others. */
  async commands(): Promise<void> {
    const { source, target } = this.#options
    const handled = positionOf(source.ledger(COMMANDS_KEY)) ?? START
    const known = this.#move.commands
    const copied = Number(this.#move.positions.commands ?? START)
    if (Number(handled) > Number(known.handled) && Number(handled) >= copied) {
      await this.stream('commands', handled)
      await this.#append([], { commands: { handled, position: target.end('commands') } })
    }
    await this.stream('commands')
  }

  async stream(stream: Stream, until?: Position): Promise<void> {
    const { source } = this.#options
    for (;;) {
      const { entries, last } = source.page(stream, this.#move.positions[stream] ?? START, until)
      if (entries.length === 0) return
      const positions = { ...this.#move.positions, [stream]: last }
      const translated = entries.map(entry => this.#translated(entry))
      await this.#append(translated, { positions, entries: this.#move.entries + entries.length, status: 'going' })
    }
  }

  async finish(): Promise<Move> {
    await this.#append([], { status: 'done' })
    return this.#move
  }

  #translated(entry: Entry): Entry {
    if (entry.stream !== 'state.runs' || entry.key !== COMMANDS_KEY || entry.value === null) return entry
    return { ...entry, value: { ...entry.value, position: this.#move.commands.position } }
  }

  async #append(entries: readonly Entry[], more: Partial<Move>): Promise<void> {
    const { target, signal, onProgress } = this.#options
    if (signal.aborted) {
      throw new Fault('interrupted', `the copy was ended after ${this.#move.entries} of ${this.#total} entries`, {
        hint: 'the same command goes on where it was; no bridge starts on it until it is done',
      })
    }
    const value = { ...this.#move, ...more }
    await target.append([...entries, { stream: 'state.runs', key: MOVE_KEY, value }])
    this.#move = value
    onProgress(value.entries, this.#total)
  }
}

function positionOf(value: object | null): Position | null {
  return value !== null && 'position' in value && typeof value.position === 'string' ? value.position : null
}
