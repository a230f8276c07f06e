import { type Controller, openController } from '../../src/aap/index.ts'
import {
  type Caps,
  Dispatcher,
  type Onlooking,
  type Ledger,
  loadLedger,
  PATIENCE,
  type Patience,
  type Policy,
  type Run,
  type RunCommand,
  type Vault,
  type VerbPolicy,
} from '../../src/day2/index.ts'
import type { Day2EventData, Event } from '../../src/event/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import {
  type Approach,
  approachOf,
  InventoryCache,
  ownRendering,
  USUAL_APPROACH,
  type View,
  waysTo,
} from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import type { EventLog, Position, Stored } from '../../src/log/index.ts'
import {
  type ControllerObjects,
  loadObjects,
  readObjectFiles,
  type OutcomeOf,
  type SimulatedController,
  startSimulatedController,
  type VirtualClock,
  virtualClock,
} from '../../src/simulator/controller/index.ts'
import type { Job } from '../../src/simulator/controller/job-records.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { appending } from '../support/appending.ts'
import { cluster, hostOf, POLICY, uuid } from './guest.ts'
import { emptyLog, reopenedLog } from './log-place.ts'

export const ONBOARD = 'Day2 | Onboard'
export const PATCH = 'Day2 | Patch'
/** The inventory of verbs that never connect to the guest, its source, and here the view of the bridge that it is made of. */
export const BESIDE = 'virtbridge beside guests'
export const TOKEN = 'a-token-of-the-test'
/** Of somebody who launches from the controller. */
export const OPERATOR = 'a-token-of-an-operator'
export const LAUNCH = { method: 'POST', path: /\/job_templates\/\d+\/launch\/$/ }

const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const SHIPPED = readObjectFiles(DEPLOY)

export interface Report {
  readonly what: string
  readonly message: string
  readonly run?: string
}

export interface WorldOptions {
  readonly policy?: Partial<Policy>
  readonly patchDriver?: Policy['driver']
  /** Verbs beside onboard and patch. */
  readonly verbs?: Readonly<Record<string, VerbPolicy>>
  readonly patience?: Partial<Patience>
  readonly onlooking?: Onlooking
  readonly vault?: Vault
  readonly pollMs?: number
  readonly caps?: Partial<Caps>
  readonly keepRuns?: number
  readonly outcome?: OutcomeOf
  readonly requestTimeoutMs?: number
  /** Changes what the controller is loaded with. */
  readonly objects?: (objects: ControllerObjects) => void
  /** Stands between the dispatcher and its log. */
  readonly logOf?: (log: EventLog) => EventLog
  /** Stands between the dispatcher and its client. */
  readonly controllerOf?: (controller: Controller) => Controller
  readonly token?: () => string
  /** How the inventory that the controller pulls reaches its hosts, where it is not by their address. */
  readonly approach?: Approach
  /** The bridge is told of the inventory of work beside the guest only from its second start on. */
  readonly besideLater?: boolean
}

/** A dispatcher on a real log and a real client over HTTP, a fleet fed by hand, and a simulated controller; all on one virtual clock. */
export interface World extends AsyncDisposable {
  readonly clock: VirtualClock
  /** How far the wall clock of the bridge is ahead, in ms: somebody sets it. */
  ahead: number
  readonly fleet: Fleet
  readonly controller: SimulatedController
  readonly client: Controller
  readonly log: EventLog
  readonly reports: Report[]
  readonly ledger: Ledger
  readonly dispatcher: Dispatcher
  /** While it is broken, inventory updates fail and change nothing. */
  breakSource(broken: boolean): void
  put(...records: readonly VmRecord[]): void
  gone(record: VmRecord): void
  /** Brings an inventory of the controller up to the fleet. */
  sync(of?: 'virtbridge fleet' | typeof BESIDE): Promise<void>
  command(command: Partial<RunCommand> & Pick<RunCommand, 'hosts'>): Promise<void>
  turn(): Promise<void>
  /** Turns and moves time on by `stepMs` until `done`, at most `turns` times. */
  until(done: () => boolean, stepMs?: number, turns?: number): Promise<void>
  /** Turns until no run is under way; then every run has ended. */
  settle(stepMs?: number): Promise<void>
  /** A new dispatcher on what the log says, as after a crash; the file is opened again too when `reopen`. */
  restart(options?: Pick<WorldOptions, 'logOf' | 'controllerOf'> & { reopen?: boolean }): Promise<void>
  runs(): readonly Run[]
  run(index?: number): Run
  /** `outcome` of every host of a run. */
  outcomes(run?: Run): Record<string, string>
  details(run?: Run): Record<string, string>
  /** Jobs of the controller, oldest first. */
  jobs(): readonly Job[]
  launches(): readonly Job[]
  updates(): number
  events(): Promise<readonly { fact: string; host: string; run: string; id: string; of: Day2EventData['run'] }[]>
  said(what: string): readonly string[]
}

/** Starts a world. Its clusters `prod-1` and `dev-1` are synced, its inventory at the controller is empty. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const clock = virtualClock()
  const fleet = new Fleet()
  for (const name of ['prod-1', 'dev-1']) fleet.apply({ key: name, value: cluster(name) })
  const inventory = stack.use(
    new InventoryCache({
      fleet,
      views: [viewBy(BESIDE, approachOf({ enabled: 'known' })), viewBy('by', options.approach ?? USUAL_APPROACH)],
      expected: [],
      limits: { staleAfterMs: 1e15, disableAfterMs: 1e16 },
      labelGroups: [],
      verbsOf: () => ({ onboard: '', patch: '' }),
      now: () => clock.now(),
    }),
  )
  const source = { broken: false }
  const served = (view: string): unknown => {
    const document = inventory.read(clock.now(), view)
    if (source.broken || document.kind === 'closed') throw new Error('the bridge can not be reached')
    return JSON.parse(document.body) as unknown
  }
  const objects = loadObjects(SHIPPED)
  options.objects?.(objects)
  const controller = stack.use(
    await startSimulatedController({
      objects,
      clock,
      tokens: {
        [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge' },
        [OPERATOR]: { user: 'alice', scope: 'write', description: 'operator' },
      },
      origins: {
        virtbridge: () => {
          return served(options.approach === undefined ? '' : 'by')
        },
        [BESIDE]: () => served(BESIDE),
      },
      ...(options.outcome === undefined ? {} : { outcome: options.outcome }),
    }),
  )
  const client = stack.use(
    openController({
      url: controller.url,
      token: options.token ?? (() => TOKEN),
      requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
    }),
  )
  const log = await emptyLog()
  const owned = stack.move()
  const world = new DispatchWorld(options, { clock, fleet, controller, client, log })
  await world.begin(options)
  return Object.assign(world, {
    breakSource: (broken: boolean) => void (source.broken = broken),
    async restart(more: Parameters<World['restart']>[0] = {}): Promise<void> {
      if (more.reopen === true) world.log = await reopenedLog()
      await world.begin(more)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  })
}

/** A view of all of the fleet, reached so. */
function viewBy(name: string, approach: Approach): View {
  const groups = { builtin: true, labels: [], maxPerLabel: 2_000 }
  return { ...viewOfAll(name, groups), rendering: ownRendering('slim', groups, { approach }) }
}

interface Parts {
  readonly clock: VirtualClock
  readonly fleet: Fleet
  readonly controller: SimulatedController
  readonly client: Controller
  readonly log: EventLog
}

let ids = 0

class DispatchWorld implements Omit<World, 'restart' | 'breakSource' | typeof Symbol.asyncDispose> {
  readonly clock: VirtualClock
  ahead = 0
  readonly fleet: Fleet
  readonly controller: SimulatedController
  readonly client: Controller
  readonly reports: Report[] = []
  readonly #options: WorldOptions
  log: EventLog
  ledger!: Ledger
  dispatcher!: Dispatcher
  readonly #from: Position
  #commands = 0
  #begun = 0

  constructor(options: WorldOptions, parts: Parts) {
    this.#options = options
    this.clock = parts.clock
    this.fleet = parts.fleet
    this.controller = parts.controller
    this.client = parts.client
    this.log = parts.log
    this.#from = parts.log.end('events.day2')
  }

  /** A dispatcher on what the log says now. */
  async begin(wrap: Pick<WorldOptions, 'logOf' | 'controllerOf'>): Promise<void> {
    const { policy, patchDriver, verbs = {}, patience, onlooking, vault, caps, keepRuns, approach } = this.#options
    const log = wrap.logOf?.(this.log) ?? this.log
    const { ledger } = await loadLedger(log)
    this.ledger = ledger
    const besideLater = this.#options.besideLater === true && this.#begun++ === 0
    this.dispatcher = new Dispatcher({
      log,
      fleet: this.fleet,
      ledger,
      controller: wrap.controllerOf?.(this.client) ?? this.client,
      place: {
        organization: 'Default',
        inventory: 'virtbridge fleet',
        source: 'virtbridge',
        ...(besideLater ? {} : { beside: { inventory: BESIDE, source: BESIDE } }),
      },
      onboard: { ...POLICY, coalesceMs: 0, ...policy },
      verbs: new Map<string, VerbPolicy>([
        ['onboard', { ...POLICY, ...policy }],
        ['patch', { template: PATCH, driver: patchDriver ?? 'bridge', os: ['linux'] }],
        ...Object.entries(verbs),
      ]),
      caps: { jobs: 100, jobsPerTemplate: 100, hostsPerCluster: 10_000, hostsPerNode: 10_000, ...caps },
      patience: { ...PATIENCE, ...patience },
      ...(keepRuns === undefined ? {} : { keepRuns }),
      ...(onlooking === undefined ? {} : { onlooking }),
      ...(vault === undefined ? {} : { vault }),
      ...(approach === undefined ? {} : { waysTo: record => waysTo(record, [USUAL_APPROACH, approach]) }),
      pollMs: this.#options.pollMs ?? 1,
      now: () => this.clock.now() + this.ahead,
      steady: () => this.clock.now(),
      newId: () => uuid(++ids),
      report: (what, { run, message }) => {
        this.reports.push({ what, message, ...(run === undefined ? {} : { run }) })
      },
    })
  }

  put(...records: readonly VmRecord[]): void {
    for (const record of records) this.fleet.apply({ key: vmKey(record), value: record })
  }

  gone(record: VmRecord): void {
    this.fleet.apply({ key: vmKey(record), value: null })
  }

  async sync(of: 'virtbridge fleet' | typeof BESIDE = 'virtbridge fleet'): Promise<void> {
    const inventory = await this.client.findInventory(of, 'Default')
    const source = of === BESIDE ? BESIDE : 'virtbridge'
    const update = await this.client.updateSource(await this.client.findInventorySource(source, inventory))
    await this.clock.advance(10_000)
    const { status } = await this.client.update(update)
    if (status !== 'successful') throw new Error(`the inventory update is ${status}`)
  }

  async command(command: Partial<RunCommand> & Pick<RunCommand, 'hosts'>): Promise<void> {
    const id = command.id ?? uuid(900_000 + ++this.#commands)
    const value: RunCommand = {
      schema: 1,
      kind: 'run',
      id,
      verb: 'patch',
      asked_by: 'ops',
      reason: 'monthly',
      at: this.clock.now(),
      ...command,
    }
    await this.log.append([{ stream: 'commands', key: id, value }])
  }

  async turn(): Promise<void> {
    await this.dispatcher.turn(new AbortController().signal)
  }

  async until(done: () => boolean, stepMs = 1_000, turns = 400): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await this.turn()
      if (done()) return
      await this.clock.advance(stepMs)
    }
    throw new Error(`it did not come to that: ${JSON.stringify(this.ledger.active())} ${JSON.stringify(this.reports)}`)
  }

  settle(stepMs = 1_000): Promise<void> {
    return this.until(() => this.ledger.runs.size > 0 && this.ledger.active().length === 0, stepMs)
  }

  runs(): readonly Run[] {
    return [...this.ledger.runs.values()]
  }

  run(index = 0): Run {
    const run = this.runs()[index]
    if (run === undefined) throw new Error(`there is no run ${index}`)
    return run
  }

  outcomes(run = this.run()): Record<string, string> {
    return Object.fromEntries(this.ledger.results(run.id).map(result => [result.host, result.outcome]))
  }

  details(run = this.run()): Record<string, string> {
    return Object.fromEntries(this.ledger.results(run.id).map(result => [result.host, result.detail]))
  }

  jobs(): readonly Job[] {
    return [...this.controller.store.jobs.all()].sort((a, b) => a.id - b.id)
  }

  launches(): readonly Job[] {
    return this.jobs().filter(job => job.launch_type === 'manual')
  }

  updates(): number {
    return [...this.controller.store.updates.all()].length
  }

  async events(): ReturnType<World['events']> {
    const all: Stored[] = []
    for (let from = this.#from; ;) {
      const page = await this.log.page('events.day2', from, 500)
      if (page.length === 0) break
      all.push(...page)
      from = page.at(-1)?.position ?? from
    }
    return all.map(({ value }) => {
      const { id, data } = value as Event<Day2EventData>
      return { fact: data.fact, host: data.host, run: data.run.id, id, of: data.run }
    })
  }

  said(what: string): readonly string[] {
    return this.reports.filter(report => report.what === what).map(report => report.message)
  }
}

/**
 * A log whose process dies at its n-th append. `durable`: that one is still written, and its caller never hears of it; else it is not.
 * Nothing is written after it.
 */
export function cutAt(append: number, durable: boolean): { logOf: (log: EventLog) => EventLog; readonly cut: boolean } {
  let left = append
  return {
    get cut() {
      return left <= 0
    },
    logOf: log =>
      appending(log, async entries => {
        left -= 1
        if (left > 0) return log.append(entries)
        if (left === 0 && durable) await log.append(entries)
        throw new Error('the process is dead')
      }),
  }
}

export const names = (...short: readonly string[]): string[] => short.map(hostOf)
