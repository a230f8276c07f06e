import type { FleetView } from '../fleet/index.ts'
import type { Entry, EventLog, Position } from '../log/index.ts'
import { counted } from '../whole-number.ts'
import type { Book } from './book.ts'
import { readRelease, released } from './brake.ts'
import type { Caps } from './caps.ts'
import type { ReleaseCommand, RunCommand } from './command.ts'
import { cancelled, otherWish, readCancel, readCommand, readWatch, runOf } from './intake.ts'
import type { VerbPolicy } from './verb-policy.ts'
import { runEntry } from './record.ts'
import type { SealedSecrets } from './secrets.ts'
import type { Spectator } from './spectator.ts'
import type { Run, Verb } from './run.ts'
import type { Vault } from './vault.ts'
import { isSameWish, markOf, markOfRun } from './wish.ts'

/** Commands taken in at one go. */
const COMMANDS_AT_ONCE = 100

interface Parts {
  readonly log: EventLog
  readonly fleet: FleetView
  readonly book: Book
  readonly verbs: ReadonlyMap<Verb, VerbPolicy>
  readonly caps: Caps
  readonly spectator: Spectator
  /** Tells the secrets of two wishes of one key apart. */
  readonly vault: Vault
  readonly now: () => number
}

/** What people ask for, from the stream of commands: each is taken in exactly once. */
export class Wishes {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Takes in what is new, a hundred at most. True when the controller said that a look may be worth while. */
  async take(): Promise<boolean> {
    const { log, book } = this.#parts
    const { ledger } = book
    let stale = 0
    let look = false
    for (const entry of await log.page('commands', ledger.commands, COMMANDS_AT_ONCE)) {
      const position: Entry = {
        stream: 'state.runs',
        key: 'position/commands',
        value: { schema: 1, kind: 'position', position: entry.position },
      }
      const watched = readWatch(entry.value)
      if (watched !== null) this.#parts.spectator.watch(watched.run, watched.at)
      const command = readCommand(entry.value)
      look ||= isLook(entry.value)
      const unread = typeof command === 'string'
      if (unread) this.#parts.book.report('trouble', { message: `command ${entry.key} can not be read: ${command}` })
      const news = unread ? null : command
      // It may have been carried out: only the ledger that is lost could tell.
      const old = news !== null && entry.at <= ledger.baseline
      if (old && !ledger.runs.has(news.id)) stale += 1
      const entries = news === null || old ? this.#takeOther(entry.value) : this.#takeIn(news, entry.position)
      // A command that can not be put on record is passed over, or no other would ever be taken in.
      if (!(await this.#parts.book.onRecord(this.#parts.book.append([...entries, position]), news?.id)))
        await this.#parts.book.append([position])
    }
    if (stale > 0)
      this.#parts.book.report('alarm', {
        message: `${counted(stale, 'command')} of before the ledger was lost ${stale === 1 ? 'is' : 'are'} not carried out`,
      })
    return look
  }

  /** The wish of a person that a run ends, or that what the brake holds goes on. */
  #takeOther(value: unknown): readonly Entry[] {
    const release = readRelease(value)
    if (release !== null) return this.#takeRelease(release)
    const command = readCancel(value)
    if (command === null) return []
    const run = cancelled(command, this.#parts.book.ledger, this.#parts.now())
    if (typeof run !== 'string') return [runEntry(run)]
    this.#parts.book.report('deferred', { run: command.run, message: `not cancelled: ${run}` })
    return []
  }

  #takeRelease(command: ReleaseCommand): readonly Entry[] {
    const { book, now } = this.#parts
    const entries = released(command, book.ledger.brake, now())
    const is = typeof entries === 'string' ? `changes nothing: ${entries}` : 'lets it go on'
    book.report('planned', { message: `a release of the brake by ${command.asked_by} ${is}` })
    return typeof entries === 'string' ? [] : entries
  }

  /** The run a person asked for: durable with the position of the command, so that it is taken in exactly once. */
  #takeIn(command: RunCommand, position: Position): readonly Entry[] {
    const { fleet, verbs, caps, now, book } = this.#parts
    const { ledger } = book
    const first = ledger.runs.get(command.id)
    if (first !== undefined) return this.#takeAgain(command, first, position)
    const { run, entries } = runOf(command, { fleet, ledger, caps, policy: verbs.get(command.verb) }, now())
    this.#parts.book.report('planned', {
      run: run.id,
      message: `${run.verb} on ${run.hosts.length} of ${counted(command.hosts.length, 'host')}, asked by ${run.asked_by}`,
    })
    return entries
  }

  /**
   * A command of an id that was taken in before, as its idempotency key was used again. The same wish is no news; another one is refused
   * on record, as who asked was not told when both came within a moment.
   */
  #takeAgain(command: RunCommand, first: Run, position: Position): readonly Entry[] {
    const { fleet, verbs, vault, now, book } = this.#parts
    const areSecrets = (sealed: SealedSecrets): boolean => vault.areSealedSame(first.id, sealed, command.secrets ?? {})
    if (isSameWish(markOfRun(first), markOf(command), areSecrets)) return []
    const { ledger } = book
    const { run, entries } = otherWish(command, position, { fleet, ledger, policy: verbs.get(command.verb) }, now())
    book.report('trouble', { run: run.id, message: `${run.verb}, asked by ${run.asked_by}: ${run.message}` })
    return entries
  }
}

function isLook(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'look'
}
