import { type RunCommand, splitHosts, variablesDigest } from '../day2/index.ts'
import type { EventLog } from '../log/index.ts'

/** Runs that wait for more wishes at once; what comes beyond waits for nobody. */
export const MAX_SHARED = 100

/** A wish that may share its run. Its id is that of the first. */
export type SharedWish = Omit<RunCommand, 'secrets' | 'selection'>

interface Shared {
  readonly id: string
  readonly hosts: Set<string>
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
 * on the log. Wishes of two tokens never share: a run has one who asked, and one who may end it.
 */
export class SharedWishes {
  readonly #parts: Parts
  readonly #open = new Map<string, Shared>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Resolves with the id of the run, once it is durable; rejects when it can not be put on record. */
  async ask(wish: SharedWish): Promise<string> {
    const key = keyOf(wish)
    const open = this.#open.get(key)
    if (open !== undefined && fits(open, wish.hosts)) {
      for (const host of wish.hosts) open.hosts.add(host)
      await open.recorded
      return open.id
    }
    const hosts = new Set(wish.hosts)
    const shared = { id: wish.id, hosts, recorded: this.#record(key, wish, hosts) }
    if (this.#open.size < MAX_SHARED) this.#open.set(key, shared)
    await shared.recorded
    return shared.id
  }

  async #record(key: string, wish: SharedWish, hosts: ReadonlySet<string>): Promise<void> {
    if (this.#open.size < MAX_SHARED) await this.#parts.window(hosts)
    // From here on nobody joins it: what is appended is what was gathered.
    if (this.#open.get(key)?.id === wish.id) this.#open.delete(key)
    const command: RunCommand = { ...wish, hosts: [...hosts] }
    await this.#parts.log.append([{ stream: 'commands', key: command.id, value: command }])
  }
}

/** What two wishes must have in common. */
function keyOf({ asked_by, allowed_by, verb, variables, check, reason }: SharedWish): string {
  return JSON.stringify([asked_by, allowed_by, verb, variablesDigest(variables), check === true, reason])
}

/** Whether one job has room for these beside those that it has. */
function fits({ hosts }: Shared, more: readonly string[]): boolean {
  return splitHosts([...new Set([...hosts, ...more])]).length <= 1
}
