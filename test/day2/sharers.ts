import { hostsDigest, type LedgerView, markOf, Vault } from '../../src/day2/index.ts'
import { AskedKeys } from '../../src/http/asked-keys.ts'
import { type SharedWish, SharedWishes } from '../../src/http/shared-wishes.ts'
import { runOfKey, theSame } from '../../src/http/used-key.ts'
import type { EventLog } from '../../src/log/index.ts'
import { hostOf, uuid } from './guest.ts'
import type { World } from './world.ts'

/** How many of them have a key; one more has none. */
export const KEYED = 3

/** Askers whose wishes may share a run. Each but the last has an idempotency key, and asks for the same two VMs whenever it asks. */
export class Sharers {
  readonly #waiting: (() => void)[] = []
  /** By asker, the runs that they were told. */
  readonly #answers = new Map<number, Set<string>>()
  readonly #asked = new Set<number>()
  #shared: SharedWishes
  #keys: AskedKeys
  #ids = 0

  constructor(log: EventLog) {
    this.#shared = this.#sharedOn(log)
    this.#keys = new AskedKeys(() => 0)
  }

  /** How often somebody was told the run of an earlier wish. */
  repeated = 0

  /** Another process answers: what the one before remembered, and who waited there, is gone. */
  restart(log: EventLog): void {
    this.#waiting.length = 0
    this.#shared = this.#sharedOn(log)
    this.#keys = new AskedKeys(() => 0)
  }

  #sharedOn(log: EventLog): SharedWishes {
    return new SharedWishes({ log, window: () => new Promise(resolve => this.#waiting.push(resolve)) })
  }

  /** One of them asks, or asks again as nobody has answered. */
  ask(ledger: LedgerView, by: number): void {
    const id = by < KEYED ? wishOf(by) : ''
    const hosts = hostsOf(by)
    const wish: SharedWish = {
      schema: 1,
      kind: 'run',
      id: uuid(9_000 + ++this.#ids),
      verb: 'patch',
      hosts,
      asked_by: 'ops',
      reason: '',
      at: 0,
    }
    const said = { verb: 'patch', hosts, variables: {}, secrets: {}, check: false }
    const before = runOfKey({ ledger, vault: new Vault(), asked: this.#keys }, id, said)
    if (before !== undefined) this.repeated += 1
    const run = before === undefined ? this.#shared.ask(wish, id) : theSame(before)
    const keys = this.#keys
    if (before === undefined && id !== '') keys.add(id, { mark: markOf(wish), run })
    this.#asked.add(by)
    run.then(
      answer => this.#answers.set(by, (this.#answers.get(by) ?? new Set()).add(answer)),
      () => keys.forget(id),
    )
  }

  /** Everybody who has asked does so once more. */
  askAgain(ledger: LedgerView): void {
    for (const by of this.#asked) if (by < KEYED) this.ask(ledger, by)
  }

  /** The time is over in which a run waits for others. */
  async close(): Promise<void> {
    for (const over of this.#waiting.splice(0)) over()
    await new Promise(resolve => setImmediate(resolve))
  }

  /** What must never be, when everything has ended. */
  violations(world: World): readonly string[] {
    const found: string[] = []
    const runs = world.runs()
    for (const by of this.#asked) {
      const answers = [...(this.#answers.get(by) ?? [])]
      for (const answer of answers)
        if (!world.ledger.runs.has(answer)) found.push(`asker ${by} was told of run ${answer}, which there is not`)
      const done = runs.filter(({ shared }) => shared?.[wishOf(by)] !== undefined)
      if (by < KEYED && (done.length > 1 || (answers.length > 0 && done.length === 0)))
        found.push(`the wish of asker ${by} is that of ${done.length} runs`)
      if (done.some(({ shared }) => shared?.[wishOf(by)] !== hostsDigest(hostsOf(by))))
        found.push(`the wish of asker ${by} is on record for other hosts`)
    }
    for (const { id, shared, hosts } of runs.filter(run => run.shared !== undefined)) {
      const meant = [...this.#asked].filter(by => shared?.[wishOf(by)] !== undefined).flatMap(hostsOf)
      const more = hosts.map(({ host }) => host).filter(host => !meant.includes(host))
      if (more.length > 0) found.push(`run ${id} is on ${more.join()} for nobody, or for who has another run`)
    }
    return found
  }
}

function wishOf(by: number): string {
  return uuid(8_000 + by)
}

function hostsOf(by: number): readonly string[] {
  return [hostOf(`web-${by + 1}`), hostOf(`web-${by + 2}`)]
}
