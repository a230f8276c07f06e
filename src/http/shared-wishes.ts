import { type RunCommand, splitHosts, variablesDigest } from '../day2/index.ts'
import type { EventLog } from '../log/index.ts'

/** Runs that wait for more wishes at once; what comes beyond waits for nobody. */
export const MAX_SHARED = 100
/** How often hosts are named by the wishes with idempotency keys that share a run, each of which it remembers. */
export const MAX_MENTIONS = 1_000

/** A wish that may share its run. Its id is that of the run, when it is the first. */
export type SharedWish = Omit<RunCommand, 'secrets' | 'selection' | 'shared'>

interface Shared {
  readonly id: string
  readonly hosts: Set<string>
  /** By the ids that wishes have by their idempotency keys. */
  readonly wishes: Map<string, readonly string[]>
  readonly recorded: Promise<void>
}

interface Parts {
  readonly log: EventLog
  /** Resolves when a run waits no longer for others to share it; it is given the hosts that it has by then. */
  readonly window: (hosts: ReadonlySet<string>) => Promise<void>
}

/**
 * Gathers wishes that say that they may share a run: those of one token for the same verb, with the same variables, reason and kind (dry or
 * in earnest), which come within a short time. They become one command, so one run and one job; each is answered with that run once it is
 * on the log. Wishes of two tokens never share: a run has one who asked, and one who may end it. Nor do those with an idempotency key and
 * those without: the command says whose hosts are whose, so that a wish that comes once more is found among the others.
 */
export class SharedWishes {
  readonly #parts: Parts
  readonly #open = new Map<string, Shared>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Resolves with the id of the run, once it is durable; rejects when it can not be put on record. `wishId`: the id that the wish has by its
   * idempotency key; empty without one. Who asks has looked that no run has it.
   */
  async ask(wish: SharedWish, wishId = ''): Promise<string> {
    const key = keyOf(wish, wishId !== '')
    const open = this.#open.get(key)
    if (open !== undefined && fits(open, wish.hosts)) {
      join(open, wish.hosts, wishId)
      await open.recorded
      return open.id
    }
    const gathered = { id: wish.id, hosts: new Set<string>(), wishes: new Map<string, readonly string[]>() }
    join(gathered, wish.hosts, wishId)
    const shared = { ...gathered, recorded: this.#record(key, wish, gathered) }
    if (this.#open.size < MAX_SHARED) this.#open.set(key, shared)
    await shared.recorded
    return shared.id
  }

  async #record(key: string, wish: SharedWish, gathered: Pick<Shared, 'hosts' | 'wishes'>): Promise<void> {
    if (this.#open.size < MAX_SHARED) await this.#parts.window(gathered.hosts)
    // From here on nobody joins it: what is appended is what was gathered.
    if (this.#open.get(key)?.id === wish.id) this.#open.delete(key)
    const hosts = [...gathered.hosts]
    const at = new Map(hosts.map((host, index) => [host, index]))
    const shared = Object.fromEntries(
      [...gathered.wishes].map(([id, of]) => [id, of.map(host => at.get(host) ?? -1)] as const),
    )
    const command: RunCommand = { ...wish, hosts, ...(gathered.wishes.size === 0 ? {} : { shared }) }
    await this.#parts.log.append([{ stream: 'commands', key: command.id, value: command }])
  }
}

function join({ hosts, wishes }: Pick<Shared, 'hosts' | 'wishes'>, more: readonly string[], wishId: string): void {
  for (const host of more) hosts.add(host)
  if (wishId !== '') wishes.set(wishId, more)
}

/** What two wishes must have in common. */
function keyOf({ asked_by, allowed_by, verb, variables, check, reason }: SharedWish, keyed: boolean): string {
  return JSON.stringify([asked_by, allowed_by, verb, variablesDigest(variables), check === true, reason, keyed])
}

/** Whether one job has room for these beside those that it has, and its record for who asked. */
function fits({ hosts, wishes }: Shared, more: readonly string[]): boolean {
  const mentions = [...wishes.values()].reduce((sum, of) => sum + of.length, 0)
  if (mentions + more.length > MAX_MENTIONS) return false
  return splitHosts([...new Set([...hosts, ...more])]).length <= 1
}
