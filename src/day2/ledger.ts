import { type EventLog, type Loss, type Position, refuseNewer, START, type Stored } from '../log/index.ts'
import { type Baseline, BASELINE_KEY, lostLedger, whyNoLaunch } from './baseline.ts'
import { type Brake, BRAKE_KEY, type BrakeReleased, RELEASED_KEY } from './brake.ts'
import { Holders } from './holders.ts'
import type { Progress } from './progress.ts'
import type { HostResult, Run, Verb, VerbRecord } from './run.ts'
import { intentsOf } from './run-step.ts'
import { LEDGER_SCHEMA } from './version.ts'

/** Runs that are kept after they finished, when nobody says otherwise; older ones are only on the day-2 stream. */
export const KEPT_RUNS = 1_000
/** Results of hosts that are kept of them. */
export const KEPT_RESULTS = 100_000

/** How far the commands were taken in. On `state.runs` under `position/commands`. */
export interface CommandPosition {
  readonly schema: 1
  readonly kind: 'position'
  readonly position: Position
}

/** Jobs of the controller up to this id were looked at, by whomever they were launched. On `state.runs` under `seen/jobs`. */
export interface SeenJobs {
  readonly schema: 1
  readonly kind: 'seen'
  readonly after: number
}

type Value = Progress | Run | HostResult | VerbRecord | CommandPosition | SeenJobs | Baseline | Brake | BrakeReleased

/** What the ledger says, for deciding and for answering. */
export interface LedgerView {
  readonly runs: ReadonlyMap<string, Run>
  active(): readonly Run[]
  /** The run that holds the lock of a VM's incarnation; another one than `besides`. */
  holder(uid: string, besides?: string): Run | undefined
  /** The run of a job of the controller, by the job's id. */
  ofJob(job: number): Run | undefined
  /** The run of a wish, by the id of the run or, where several share it, by the one that the wish has by its idempotency key. */
  ofWish(id: string): Run | undefined
  /** The run of a launch, by its intent. */
  ofIntent(intent: string): Run | undefined
  /** Up to which id jobs of the controller were looked at; null before the first look. */
  readonly seenJobs: number | null
  verb(uid: string, verb: Verb): VerbRecord | undefined
  /** What verbs did to one incarnation, in the order of their names. */
  verbsOf(uid: string): readonly VerbRecord[]
  verbs(): Iterable<VerbRecord>
  results(run: string): readonly HostResult[]
  /** How far the job of a run is; undefined when nobody watched it, or it has ended. */
  progress(run: string): Progress | undefined
  readonly commands: Position
  /** Why nothing may be launched at all, in one sentence; empty when the ledger is whole, or a person has confirmed that it is gone. */
  readonly lost: string
  /** What was done before this, in ms, is not known; 0 when all is. */
  readonly baseline: number
  /** What starts by itself is held by it; undefined when nothing is. */
  readonly brake: Brake | undefined
  /** When a person released the brake last, in ms; 0 when nobody has. */
  readonly releasedAt: number
}

/** The materialised view of `state.runs`. */
export class Ledger implements LedgerView {
  readonly #runs = new Map<string, Run>()
  readonly #active = new Map<string, Run>()
  readonly #verbs = new Map<string, VerbRecord>()
  /** Names of verbs that anything was ever done by, sorted: few, so that a VM without one needs no room. */
  #verbNames: readonly string[] = []
  readonly #results = new Map<string, Map<string, HostResult>>()
  readonly #progress = new Map<string, Progress>()
  readonly #holders = new Holders()
  readonly #jobs = new Map<number, string>()
  /** Runs by the ids of wishes that share them. */
  readonly #wishes = new Map<string, string>()
  /** Of steps after the first: that of any other launch is the id of its run. */
  readonly #intents = new Map<string, string>()
  readonly #losses: () => readonly Loss[]
  #commands: Position = START
  #seenJobs: number | null = null
  #baseline = 0
  #brake: Brake | undefined
  #releasedAt = 0

  /** `losses`: what the log says that it lost. */
  constructor(losses: () => readonly Loss[] = () => []) {
    this.#losses = losses
  }

  get runs(): ReadonlyMap<string, Run> {
    return this.#runs
  }

  get commands(): Position {
    return this.#commands
  }

  get seenJobs(): number | null {
    return this.#seenJobs
  }

  get lost(): string {
    const loss = lostLedger(this.#losses())
    return loss === undefined ? '' : whyNoLaunch(loss)
  }

  get baseline(): number {
    return this.#baseline
  }

  get brake(): Brake | undefined {
    return this.#brake
  }

  get releasedAt(): number {
    return this.#releasedAt
  }

  active(): readonly Run[] {
    return [...this.#active.values()]
  }

  holder(uid: string, besides?: string): Run | undefined {
    return this.#holders.of(uid, besides)
  }

  ofJob(job: number): Run | undefined {
    return this.#runs.get(this.#jobs.get(job) ?? '')
  }

  ofWish(id: string): Run | undefined {
    return this.#runs.get(id) ?? this.#runs.get(this.#wishes.get(id) ?? '')
  }

  ofIntent(intent: string): Run | undefined {
    return this.#runs.get(this.#intents.get(intent) ?? intent)
  }

  verb(uid: string, verb: Verb): VerbRecord | undefined {
    return this.#verbs.get(`${uid}/${verb}`)
  }

  verbsOf(uid: string): readonly VerbRecord[] {
    return this.#verbNames.flatMap(verb => this.#verbs.get(`${uid}/${verb}`) ?? [])
  }

  verbs(): Iterable<VerbRecord> {
    return this.#verbs.values()
  }

  results(run: string): readonly HostResult[] {
    return [...(this.#results.get(run)?.values() ?? [])]
  }

  progress(run: string): Progress | undefined {
    return this.#progress.get(run)
  }

  /** Finished runs beyond the `keep` newest, oldest first. Runs of others push out none of ours. */
  expired(keep = KEPT_RUNS): readonly Run[] {
    const finished = [...this.#runs.values()].filter(run => run.status === 'finished')
    const [ours, others] = [finished.filter(run => !run.external), finished.filter(run => run.external)]
    return [...this.#beyond(ours, keep), ...this.#beyond(others, keep)]
  }

  /** All but the newest, and beyond `KEPT_RESULTS` results of hosts even of those. */
  #beyond(runs: readonly Run[], most: number): readonly Run[] {
    const newest = runs.toSorted((a, b) => b.finished_at - a.finished_at)
    let results = 0
    return newest
      .filter((run, index) => {
        results += this.#results.get(run.id)?.size ?? 0
        return index > 0 && (index >= most || results > KEPT_RESULTS)
      })
      .reverse()
  }

  /** What verbs did to incarnations that are no longer `alive` and on which nothing was done since `before`, in ms. */
  outlived(alive: (uid: string) => boolean, before: number): readonly VerbRecord[] {
    return [...this.#verbs.values()].filter(verb => verb.at < before && !alive(verb.uid))
  }

  /** Takes in one entry of `state.runs`. */
  apply(entry: Pick<Stored, 'key' | 'value'>): void {
    const [kind = '', id = '', ...more] = entry.key.split('/')
    const value = entry.value as Value | null
    // What a person asked for may be no host name at all, so it may hold slashes or be empty.
    const rest = more.join('/')
    if (kind === BRAKE_KEY) this.#applyBrake(entry.key, value)
    else if (kind === BASELINE_KEY) this.#baseline = (value as Baseline | null)?.at ?? 0
    else if (kind === 'position') this.#commands = (value as CommandPosition | null)?.position ?? START
    else if (kind === 'seen') this.#seenJobs = (value as SeenJobs | null)?.after ?? null
    else if (kind === 'progress') set(this.#progress, id, value as Progress | null)
    else if (kind === 'vm') this.#applyVerb(id, rest, value as VerbRecord | null)
    else if (kind === 'run' && more.length === 0) this.#applyRun(id, value as Run | null)
    else if (kind === 'run') this.#applyResult(id, rest, value as HostResult | null)
  }

  #applyBrake(key: string, value: Value | null): void {
    if (key === BRAKE_KEY) this.#brake = (value as Brake | null) ?? undefined
    else if (key === RELEASED_KEY) this.#releasedAt = (value as BrakeReleased | null)?.at ?? 0
  }

  #applyVerb(uid: string, verb: string, record: VerbRecord | null): void {
    if (record !== null && !this.#verbNames.includes(verb)) this.#verbNames = [...this.#verbNames, verb].sort()
    set(this.#verbs, `${uid}/${verb}`, record)
  }

  #applyRun(id: string, run: Run | null): void {
    const before = this.#runs.get(id)
    const active = run === null || run.status === 'finished' ? null : run
    if (before !== undefined) for (const job of jobsOf(before)) this.#jobs.delete(job)
    if (run !== null) for (const job of jobsOf(run)) this.#jobs.set(job, id)
    if (run === null && before !== undefined) for (const intent of intentsOf(before)) this.#intents.delete(intent)
    if (before === undefined && run !== null)
      for (const intent of intentsOf(run).slice(1)) this.#intents.set(intent, id)
    for (const wish of Object.keys(before?.shared ?? {})) this.#wishes.delete(wish)
    for (const wish of Object.keys(run?.shared ?? {})) this.#wishes.set(wish, id)
    this.#holders.replace(this.#active.get(id), active)
    set(this.#runs, id, run)
    set(this.#active, id, active)
    if (run === null) this.#results.delete(id)
  }

  #applyResult(run: string, host: string, result: HostResult | null): void {
    const results = this.#results.get(run) ?? new Map<string, HostResult>()
    set(results, host, result)
    this.#results.set(run, results)
  }
}

/** Of the controller, by their ids. */
function jobsOf({ job, steps = [] }: Run): readonly number[] {
  return [job, ...steps.map(step => step.job)].flatMap(one => one?.id ?? [])
}

function set<T>(map: Map<string, T>, key: string, value: T | null): void {
  if (value === null) map.delete(key)
  else map.set(key, value)
}

/**
 * Reads the ledger as it is now; resolves with it and the position to follow it from. `beside` is given each entry too, as more than the
 * ledger stands on that stream.
 */
export async function loadLedger(
  log: EventLog,
  beside: (entry: Stored) => void = () => undefined,
): Promise<{ ledger: Ledger; position: Position }> {
  const ledger = new Ledger(() => log.losses())
  const position = log.end('state.runs')
  for await (const entry of log.latest('state.runs')) {
    refuseNewer(entry, LEDGER_SCHEMA)
    ledger.apply(entry)
    beside(entry)
  }
  return { ledger, position }
}

/** Keeps the view up with the log until the signal aborts; `onVerb` hears of each VM whose day-2 status changed. */
export async function followLedger(
  ledger: Ledger,
  options: { log: EventLog; from: Position; signal: AbortSignal; onVerb: (verb: VerbRecord) => void },
): Promise<void> {
  for await (const entry of options.log.follow('state.runs', options.from, options.signal)) {
    refuseNewer(entry, LEDGER_SCHEMA)
    ledger.apply(entry)
    if (entry.key.startsWith('vm/') && entry.value !== null) options.onVerb(entry.value as VerbRecord)
  }
}
