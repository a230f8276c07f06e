import { type Entry, type EventLog, refuseNewer, type Stored } from '../../log/index.ts'
import { pause, until } from '../../waiting.ts'

/** How often what the views have is written down where it is another, in ms. */
const LOOK_MS = 60_000
const BELIEVED_SCHEMA = 1
const PREFIX = 'believed/'

/** On `state.runs` under `believed/<view>`, or `believed/<format> <view> <part>`: how many hosts the next document of a view is held against, or what is seen of it. */
interface Believed {
  readonly schema: typeof BELIEVED_SCHEMA
  readonly kind: 'believed'
  readonly hosts: number
}

/**
 * How many hosts each view has that may not get much shorter, kept in the log: so that a start does not make the guard forget, whether it
 * came with another configuration, or after what took the hosts away.
 */
export class BelievedHosts {
  readonly #log: EventLog
  readonly #kept = new Map<string, number>()

  constructor(log: EventLog) {
    this.#log = log
  }

  /** Restores what was kept of a view from an entry of `state.runs`, at the start. Throws a Fault `log_newer` for a record that a newer program wrote. */
  restore(entry: Stored): void {
    if (!entry.key.startsWith(PREFIX) || entry.value === null) return
    refuseNewer(entry, BELIEVED_SCHEMA)
    this.#kept.set(entry.key.slice(PREFIX.length), (entry.value as Believed).hosts)
  }

  /** How many hosts a view had; 0 when that is not known. */
  of(view: string): number {
    return this.#kept.get(view) ?? 0
  }

  /** Writes down what is another now, and forgets views of which nothing is to be remembered: those that are not `guarded`. */
  async look(believed: ReadonlyMap<string, number>, guarded: ReadonlySet<string>): Promise<void> {
    const changed = [...believed].filter(([view, hosts]) => this.#kept.get(view) !== hosts)
    const gone = [...this.#kept.keys()].filter(view => !guarded.has(view))
    if (changed.length + gone.length === 0) return
    await this.#log.append([
      ...changed.map(([view, hosts]): Entry => {
        const value: Believed = { schema: BELIEVED_SCHEMA, kind: 'believed', hosts }
        return { stream: 'state.runs', key: PREFIX + view, value }
      }),
      ...gone.map((view): Entry => ({ stream: 'state.runs', key: PREFIX + view, value: null })),
    ])
    for (const [view, hosts] of changed) this.#kept.set(view, hosts)
    for (const view of gone) this.#kept.delete(view)
  }

  /** Looks each minute, until the signal aborts. `now` gives what `look` takes. */
  async watch(now: () => Parameters<BelievedHosts['look']>, signal: AbortSignal, everyMs = LOOK_MS): Promise<void> {
    while (!signal.aborted) {
      await pause(everyMs, signal)
      // A log that can not be written holds nobody up who wants to end.
      if (!signal.aborted) await until(this.look(...now()), signal)
    }
  }
}
