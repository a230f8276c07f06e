import { array, boolean, constant, constantFrom, integer, nat, oneof, record, type Arbitrary } from 'fast-check'
import { marker } from '../../src/aap/index.ts'
import { askedOf, type Run, type RunCommand, type RunHost, type Verb } from '../../src/day2/index.ts'
import { intentOf, intentsOf } from '../../src/day2/run-step.ts'
import { type Position, START } from '../../src/log/index.ts'
import type { RequestFault } from '../../src/simulator/controller/faults.ts'
import type { ControllerObjects } from '../../src/simulator/controller/index.ts'
import type { Job } from '../../src/simulator/controller/job-records.ts'
import { type Host, isUnfinished } from '../../src/simulator/controller/records.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest, hostOf } from './guest.ts'
import { launchByHand } from './operator.ts'
import { MortalProcess, type Spoiled } from './mortal-process.ts'
import { KEYED, Sharers } from './sharers.ts'
import { BESIDE, LAUNCH, ONBOARD, PATCH, startWorld, type World, type WorldOptions } from './world.ts'

const DAY = 86_400_000
/** VMs of a schedule. The last two were there before their cluster was adopted. */
const VMS = 5
const ADOPTED = 2
/** So many hosts start by themselves until a person releases the brake: its window is longer than any schedule, whatever is done to the clocks. */
const BRAKE = { hosts: 3, perMs: 365 * 86_400_000 }

export type Step =
  | { readonly do: 'ready' | 'stop' | 'delete' | 'recreate' | 'address'; readonly vm: number }
  | {
      readonly do: 'command'
      readonly vms: readonly number[]
      readonly again: boolean
      readonly verb: 'patch' | 'reboot' | 'restore' | 'update'
      readonly check: boolean
      readonly note: string
    }
  | { readonly do: 'fault'; readonly on: keyof typeof PLACES; readonly fault: RequestFault; readonly times: number }
  | { readonly do: 'race'; readonly vm: number; readonly how: 'recreate' | 'address' | 'stop' }
  | { readonly do: 'flip'; readonly prompt: 'limit' | 'variables' | 'skip_tags' | 'job_type' }
  | { readonly do: 'widen' }
  | { readonly do: 'cancel' | 'watch'; readonly run: number }
  /** Somebody asks for what others may share; what comes right behind it shares. */
  | { readonly do: 'share'; readonly by: number }
  /** The account may, or may no longer, read what others launch from a template that is not ours. */
  | { readonly do: 'audit'; readonly may: boolean }
  /** A person lets go of what a job of others holds. */
  | { readonly do: 'let go' }
  /** A VM does not boot any more, and a person wants it put back. */
  | { readonly do: 'broken'; readonly vm: number }
  /** All that is no old VM is made anew at once. */
  | { readonly do: 'flood' }
  /** A person lets go on what the brake holds; or says so of a brake that was there before. */
  | { readonly do: 'release'; readonly late: boolean }
  | { readonly do: 'operator'; readonly vms: readonly number[] | 'all'; readonly template: keyof typeof BY_HAND }
  | { readonly do: 'crash'; readonly awaits: number }
  | { readonly do: 'pause'; readonly awaits: number; readonly ms: number }
  | { readonly do: 'template'; readonly how: 'rename' | 'recreate' }
  | { readonly do: 'job'; readonly how: 'requeue' | 'reap' }
  | { readonly do: 'clock'; readonly of: 'bridge' | 'controller'; readonly aheadMs: number }
  | { readonly do: 'source'; readonly broken: boolean }
  | { readonly do: 'cleanup' }
  | { readonly do: 'advance'; readonly ms: number }

/** Where a fault strikes. */
const PLACES = {
  launch: LAUNCH,
  jobs: { method: 'GET', path: /\/jobs\// },
  update: { method: 'POST', path: /\/update\/$/ },
  script: { method: 'GET', path: /\/script\/$/ },
  anywhere: {},
} as const

const vm = nat(VMS - 1)
const times = integer({ min: 1, max: 3 })
const passing = constantFrom<RequestFault>(
  { kind: 'drop-before-commit' },
  { kind: 'gateway-error', status: 503, commit: false },
  { kind: 'unauthorized' },
  { kind: 'server-error' },
  { kind: 'too-many-requests', retryAfterS: 2 },
)
/** What makes a launch ambiguous: the commit comes sooner than the quiet period ends, as it must at a real controller. */
const ambiguous = oneof(
  passing,
  constantFrom<RequestFault>(
    { kind: 'commit-then-drop' },
    { kind: 'truncated' },
    { kind: 'gateway-error', status: 504, commit: true },
  ),
  integer({ min: 100, max: 40_000 }).map((afterMs): RequestFault => ({ kind: 'drop-then-commit', afterMs })),
)

export const steps: Arbitrary<Step[]> = array(
  oneof(
    { weight: 5, arbitrary: record({ do: constant('ready' as const), vm }) },
    { weight: 2, arbitrary: record({ do: constantFrom('stop', 'delete', 'recreate', 'address'), vm }) },
    {
      weight: 3,
      arbitrary: record({
        do: constant('command' as const),
        vms: array(nat(VMS), { minLength: 1, maxLength: 3 }),
        again: boolean(),
        verb: constantFrom(
          'patch' as const,
          'reboot' as const,
          'restore' as const,
          'update' as const,
          'update' as const,
        ),
        check: boolean(),
        note: constantFrom('', 'a', 'b'),
      }),
    },
    {
      weight: 4,
      arbitrary: record({
        do: constant('fault' as const),
        on: constant('launch' as const),
        fault: ambiguous,
        times,
      }),
    },
    {
      weight: 1,
      arbitrary: record({
        do: constant('fault' as const),
        on: constantFrom('jobs', 'update', 'script', 'anywhere'),
        fault: passing,
        times,
      }),
    },
    {
      weight: 2,
      arbitrary: record({
        do: constant('race' as const),
        vm,
        how: constantFrom('recreate', 'address', 'stop'),
      }),
    },
    {
      weight: 1,
      arbitrary: record({
        do: constant('flip' as const),
        prompt: constantFrom('limit', 'variables', 'skip_tags', 'job_type'),
      }),
    },
    { weight: 1, arbitrary: record({ do: constant('widen' as const) }) },
    { weight: 1, arbitrary: record({ do: constant('cancel' as const), run: nat(5) }) },
    { weight: 1, arbitrary: record({ do: constant('watch' as const), run: nat(5) }) },
    { weight: 3, arbitrary: record({ do: constant('share' as const), by: nat(KEYED) }) },
    { weight: 1, arbitrary: record({ do: constant('audit' as const), may: boolean() }) },
    { weight: 1, arbitrary: record({ do: constant('let go' as const) }) },
    { weight: 1, arbitrary: record({ do: constant('broken' as const), vm }) },
    { weight: 1, arbitrary: record({ do: constant('flood' as const) }) },
    { weight: 2, arbitrary: record({ do: constant('release' as const), late: constantFrom(false, false, true) }) },
    {
      weight: 2,
      arbitrary: record({
        do: constant('operator' as const),
        vms: oneof(constant('all' as const), array(vm, { minLength: 1, maxLength: 3 })),
        template: constantFrom('patch' as const, 'onboard' as const, 'restore' as const, 'other' as const),
      }),
    },
    { weight: 3, arbitrary: record({ do: constant('crash' as const), awaits: integer({ min: 1, max: 30 }) }) },
    {
      weight: 2,
      arbitrary: record({
        do: constant('pause' as const),
        awaits: integer({ min: 1, max: 8 }),
        ms: constantFrom(1_000, 10_000, 60_000),
      }),
    },
    {
      weight: 1,
      arbitrary: record({ do: constant('template' as const), how: constantFrom('rename', 'recreate') }),
    },
    { weight: 1, arbitrary: record({ do: constant('job' as const), how: constantFrom('requeue', 'reap') }) },
    {
      weight: 1,
      arbitrary: record({
        do: constant('clock' as const),
        of: constantFrom('bridge', 'controller'),
        aheadMs: constantFrom(-3_600_000, 0, 3_600_000),
      }),
    },
    { weight: 1, arbitrary: record({ do: constant('source' as const), broken: boolean() }) },
    { weight: 1, arbitrary: record({ do: constant('cleanup' as const) }) },
    {
      weight: 5,
      arbitrary: record({ do: constant('advance' as const), ms: constantFrom(100, 2_000, 20_000, 50_000) }),
    },
  ),
  { minLength: 6, maxLength: 18, size: 'max' },
)

/** What went on, as seen from outside the dispatcher, and what of it must never be. */
export class Witness {
  readonly violations: string[] = []
  /** How many launches on VMs that did not run. */
  stopped = 0
  /** How many wishes had the id of another one. */
  used = 0
  /** How many launches of a step that is not the first. */
  later = 0
  /** Where the commands of the schedule begin: the log has those of others too. */
  from: Position = START
  /** Asked hosts of every run, from its first sight. */
  readonly #asked = new Map<string, readonly RunHost[]>()
  #world: World | null = null
  /** The launches of every run, from its first sight, by their markers. */
  readonly #marks = new Map<string, readonly string[]>()
  /** What jobs of ours came to on each host, by their markers; the hosts of each POST. */
  readonly #came = new Map<string, ReadonlyMap<string, string>>()
  readonly #posted = new Map<string, readonly string[]>()
  /** VMs on which something started by itself since the brake was released last, and that release. */
  #bySelf = new Set<string>()
  #releasedAt = 0
  /** The brake that was set at the last look. */
  #brake = ''
  /** Up to which id all jobs of others are known to the bridge, by a look that it finished. */
  #looked = 0
  /** Jobs that nobody could tell the bridge of: its account could not read them when it looked for new ones. */
  readonly #unseen = new Set<number>()
  /** When a run of others was seen first, by the clock that nobody sets. */
  readonly #first = new Map<string, number>()
  /** Runs of others that have ended. */
  readonly #ended = new Set<string>()

  /** The bridge has looked for new jobs. One may have come long after the request of whoever launched it. */
  looked(): void {
    const world = this.#world
    if (world === null) return
    for (const { id, name } of world.jobs()) {
      if (id > this.#looked && name === BY_HAND.other && !mayAudit(world)) this.#unseen.add(id)
      this.#looked = Math.max(this.#looked, id)
    }
  }

  see(world: World): void {
    this.#world = world
    this.#checkBrake(world)
    // Where a job of others runs, only its results may tell.
    for (const run of world.runs())
      if (!this.#asked.has(run.id) || run.external?.whole === true) this.#asked.set(run.id, askedOf(run))
    for (const run of world.runs()) if (!this.#marks.has(run.id)) this.#marks.set(run.id, intentsOf(run).map(marker))
    for (const job of world.launches())
      if (!isOthers(job) && job.finished !== null)
        this.#came.set(markOf(job), new Map(job.run?.results.map(({ host_name, outcome }) => [host_name, outcome])))
    this.#checkJobs(world)
    this.#checkOthers(world)
  }

  /** A job of others holds its VMs until it has ended; but one that can not be read until a person lets go of it, or for a day. */
  #checkOthers(world: World): void {
    const now = world.clock.now()
    for (const run of world.runs()) {
      if (run.let_go !== undefined && run.external === undefined) this.#violated(`run ${run.id} is ours, and let go of`)
      if (run.external === undefined || this.#ended.has(run.id)) continue
      if (!this.#first.has(run.id)) this.#first.set(run.id, now)
      if (run.status !== 'finished') continue
      this.#ended.add(run.id)
      const job = world.jobs().find(({ id }) => id === run.job?.id)
      if (job === undefined || !isUnfinished(job) || now - (this.#first.get(run.id) ?? now) > DAY) continue
      if (run.let_go === undefined) this.#violated(`run ${run.id} has ended, and job ${job.id} of others runs`)
      else if (mayAudit(world)) this.#violated(`run ${run.id} was let go of, and job ${job.id} can be read`)
    }
  }

  /** To be called whenever something may have started by itself, and before somebody else looks at what did. */
  #checkBrake({ ledger }: World): void {
    if (ledger.releasedAt !== this.#releasedAt) this.#bySelf = new Set()
    this.#releasedAt = ledger.releasedAt
    const brake = ledger.brake?.id ?? ''
    for (const run of ledger.runs.values()) {
      if (run.asked_by !== 'bridge' || this.#asked.has(run.id)) continue
      if (brake !== '' && brake === this.#brake) this.#violated(`run ${run.id} started by itself, and the brake is set`)
      for (const { uid } of run.hosts) this.#bySelf.add(uid)
    }
    if (this.#bySelf.size > BRAKE.hosts)
      this.#violated(`${this.#bySelf.size} hosts started by themselves, and nobody released the brake between`)
    this.#brake = brake
  }

  /** Called at the moment of a POST. */
  atPost(hosts: readonly string[], mark: string): void {
    const world = this.#world
    if (world === null) return
    this.see(world)
    const run = world.runs().find(each => intentsOf(each).some(intent => marker(intent) === mark))
    if (run === undefined) return this.#violated(`a launch of ${mark}, of which the ledger knows nothing`)
    this.#checkTurn(run, hosts, mark)
    const running = world.jobs().filter(job => this.#holds(world, job))
    // What is beside the guest needs it neither to run nor to be anywhere.
    const isBeside = run.verb === 'restore'
    const inventory = world.controller.store.inventories.find(({ name }) => name === (isBeside ? BESIDE : FLEET))
    for (const host of hosts) {
      const other = running.find(job => job.limit === 'all' || job.limit.split(',').includes(host))
      if (other !== undefined) this.#violated(`${host} is launched on while job ${other.id} of others runs on it`)
      const ours = world.fleet.byHost(host)
      const theirs = world.controller.store.hosts.find(row => row.name === host && row.inventory === inventory?.id)
      if (!run.hosts.some(each => each.host === host && each.uid === ours?.uid))
        this.#violated(`${host} is launched on, and is not the VM that ${run.id} means`)
      if (ours === undefined || theirs?.variables['kubevirt_uid'] !== ours.uid)
        this.#violated(`${host} is launched on, and is another VM at the controller`)
      if (theirs?.enabled !== true) this.#violated(`${host} is launched on, and is disabled at the controller`)
      if (!isBeside) this.#checkGuest(host, ours, theirs)
      if (ours?.seen.boot === '') this.stopped += 1
      if (run.asked_by === 'bridge' && ours?.adopted === true)
        this.#violated(`${host} is adopted, and is launched on by itself`)
    }
  }

  /** Whether a job of others that runs is known to the bridge, and nobody has let go of it. */
  #holds({ ledger }: World, job: Job): boolean {
    const run = ledger.ofJob(job.id)
    const isFree = run?.let_go !== undefined && run.status === 'finished'
    return isUnfinished(job) && isOthers(job) && job.id <= this.#looked && !this.#unseen.has(job.id) && !isFree
  }

  /** Of a run with steps: it is the turn of this one, and nobody is taken along who did not come through all before it. */
  #checkTurn(run: Run, hosts: readonly string[], mark: string): void {
    const marks = this.#marks.get(run.id) ?? []
    const turn = marks.indexOf(mark)
    if (marker(intentOf(run)) !== mark)
      this.#violated(`step ${turn} of run ${run.id} is launched, and is not at its turn`)
    if (turn > 0) this.later += 1
    for (const before of marks.slice(0, turn))
      for (const host of hosts) {
        const outcome = this.#came.get(before)?.get(host)
        if (outcome !== 'ok' && outcome !== 'changed')
          this.#violated(`${host} is taken to step ${turn} of run ${run.id}, and was ${outcome ?? 'not there'} before`)
      }
    this.#posted.set(mark, hosts)
  }

  /** Who ended ok went through every step; nobody else has the outcome of one that did. */
  #checkThrough(world: World, run: Run): void {
    for (const { host, outcome } of world.ledger.results(run.id))
      for (const [index, mark] of (this.#marks.get(run.id) ?? []).entries())
        if (outcome === 'ok' && this.#posted.get(mark)?.includes(host) !== true)
          this.#violated(`${host} is said to be ok by run ${run.id}, whose step ${index} was not launched on it`)
  }

  /** A guest that the job will connect to. */
  #checkGuest(host: string, ours: VmRecord | undefined, theirs: Host | undefined): void {
    if (theirs?.variables['ansible_host'] !== ours?.seen.address)
      this.#violated(`${host} is launched on at another address than ours`)
    if (ours?.seen.boot === '') this.#violated(`${host} is launched on, and does not run`)
  }

  #checkJobs(world: World): void {
    const holders = new Map<string, number>()
    for (const [id, asked] of this.#asked) {
      const marks = this.#marks.get(id) ?? []
      const jobs = world.launches().filter(job => marks.includes(markOf(job)))
      const run = world.ledger.runs.get(id)
      for (const job of run?.external === undefined ? jobs : []) this.#checkWish(run, job)
      for (const same of Map.groupBy(jobs, markOf).values())
        if (same.length > 1) this.#violated(`two jobs for one intent: ${same.map(job => job.id).join(', ')}`)
      for (const job of jobs) {
        const limit = job.limit.split(',')
        // A limit that was dropped is the template's own, which names nobody, or everybody: see atEnd().
        if (limit[0] === 'virtbridge-no-default-limit' || limit[0] === '') continue
        const strangers = limit.filter(host => !asked.some(each => each.host === host))
        if (strangers.length > 0) this.#violated(`job ${job.id} runs on ${strangers.join()}, which nobody asked for`)
        if (!isUnfinished(job)) continue
        for (const { uid } of asked.filter(each => limit.includes(each.host))) {
          const other = holders.get(uid)
          if (other !== undefined) this.#violated(`jobs ${other} and ${job.id} are on ${uid} at once`)
          holders.set(uid, job.id)
        }
      }
    }
  }

  /** A job that is believed is of the kind that was asked for, with the variables that were asked for and no others. */
  #checkWish(run: Run | undefined, job: Job): void {
    if (run === undefined || run.astray !== '' || run.status !== 'finished' || run.outcome === 'unknown') return
    // What was not believed of a step ended the run there.
    const step = run.steps?.find(({ intent }) => marker(intent) === markOf(job))
    if (step?.state === 'unknown' || step?.state === 'refused') return
    if (step !== undefined && job.name !== step.template && job.name !== 'Renamed')
      this.#violated(`job ${job.id} is of ${job.name}, step ${step.name} of run ${run.id} of ${step.template}`)
    if (job.job_type !== (run.check === true ? 'check' : 'run'))
      this.#violated(
        `job ${job.id} is of type ${job.job_type}, run ${run.id} asked for something else, and is believed`,
      )
    if (job.extra_vars['note'] !== run.variables?.['note'] || job.extra_vars['virtbridge_verb'] !== run.verb)
      this.#violated(`job ${job.id} has other variables than run ${run.id} asked for, and is believed`)
  }

  /** When everything has ended. */
  async atEnd(world: World): Promise<void> {
    this.see(world)
    this.#checkWidened(world)
    await this.#checkAgain(world)
    for (const id of this.#asked.keys())
      if (world.ledger.progress(id) !== undefined) this.#violated(`run ${id} has ended, and is said to be under way`)
    for (const run of world.runs()) if (run.external === undefined) this.#checkThrough(world, run)
    for (const verb of world.ledger.verbs())
      if (world.ledger.runs.get(verb.run)?.check === true)
        this.#violated(`${verb.host} is said to be ${verb.verb} ${verb.status} by a run that only looked`)
    const events = await world.events()
    for (const [id, asked] of this.#asked) {
      const results = world.ledger.results(id).map(result => result.host)
      const told = events.filter(({ run, fact }) => run === id && /^(host_|launch_refused)/.test(fact))
      // Of a job of others whose template does no verb the run alone is told.
      const wanted = (world.ledger.runs.get(id)?.verb === '' ? [] : asked)
        .map(each => each.host)
        .sort()
        .join()
      if (results.sort().join() !== wanted)
        this.#violated(`run ${id} asked for ${wanted} and recorded ${results.join()}`)
      if (
        told
          .map(each => each.host)
          .sort()
          .join() !== wanted
      )
        this.#violated(`run ${id} asked for ${wanted} and told of ${told.map(each => each.host).join()}`)
    }
  }

  /** Wishes of one id are one run when they are the same; each that is another is refused on record, once. */
  async #checkAgain(world: World): Promise<void> {
    const commands = (await world.log.page('commands', this.from, 1_000)).map(({ value }) => value as RunCommand)
    const [first, ...later] = commands.filter(({ kind, id }) => kind === 'run' && id === AGAIN)
    if (first === undefined) return
    const others = later.filter(command => wishOf(command) !== wishOf(first))
    this.used = world.runs().filter(run => run.message.includes(`was used for run ${AGAIN}`)).length
    if (this.used !== others.length)
      this.#violated(`${others.length} other wishes had the id of the first, and ${this.used} of them are refused`)
    const run = world.ledger.runs.get(AGAIN)
    const hosts = run === undefined ? [] : askedOf(run).map(({ host }) => host)
    if (run?.verb !== first.verb || wishOf({ ...first, hosts }) !== wishOf(first))
      this.#violated(`run ${AGAIN} is not the wish that came first`)
  }

  /** A job that is wider than its intent may have run before anybody heard of it, but it is never believed. */
  #checkWidened(world: World): void {
    for (const run of world.runs()) {
      const job = world.jobs().find(each => each.id === run.job?.id)
      if (run.external !== undefined || job === undefined || job.limit === run.hosts.map(host => host.host).join(','))
        continue
      const its = new Set(run.hosts.map(({ host }) => host))
      const believed = world.ledger
        .results(run.id)
        .filter(({ host, outcome }) => its.has(host) && outcome !== 'unknown' && outcome !== 'refused')
      if (believed.length > 0)
        this.#violated(`job ${job.id} runs on ${JSON.stringify(job.limit)}, which nobody asked for, and is believed`)
    }
  }

  #violated(what: string): void {
    if (!this.violations.includes(what)) this.violations.push(what)
  }
}

/** How much of what matters the schedules have reached. */
export interface Tally {
  launches: number
  again: number
  searched: number
  deaths: number
  /** By a bridge beside one that slept. */
  takeovers: number
  leftOut: number
  dry: number
  /** On VMs that did not run. */
  stopped: number
  others: number
  cancelled: number
  /** Wishes that had the id of another one. */
  used: number
  /** Of steps that are not the first. */
  later: number
  /** Brakes that were set, and that a person released. */
  braked: number
  released: number
  /** Jobs of others that a person let go of. */
  letGo: number
  /** Runs that several wishes share, and answers to a wish that had a run by then. */
  shared: number
  repeated: number
}

/** Nothing was reached yet. */
export function newTally(): Tally {
  return {
    launches: 0,
    again: 0,
    searched: 0,
    deaths: 0,
    takeovers: 0,
    leftOut: 0,
    others: 0,
    cancelled: 0,
    dry: 0,
    stopped: 0,
    used: 0,
    later: 0,
    braked: 0,
    released: 0,
    letGo: 0,
    shared: 0,
    repeated: 0,
  }
}

/** Plays a schedule to its end and tells what went wrong. */
export async function play(
  schedule: readonly Step[],
  spoiled: Spoiled = {},
  tally: Tally = newTally(),
): Promise<readonly string[]> {
  const witness = new Witness()
  let url = ''
  let operating = false
  let asleepMs = 0
  const outside = {
    atPost: (hosts: readonly string[], mark: string) => witness.atPost(hosts, mark),
    url: () => url,
    looked: () => witness.looked(),
  }
  const begin = (): MortalProcess => new MortalProcess(outside, spoiled)
  let process = begin()
  const options: WorldOptions = {
    policy: { coalesceMs: 1_000, maxHosts: 2, brake: BRAKE },
    caps: { jobs: 3, hostsPerNode: 4 },
    onlooking: { everyMs: 1, verbs: VERBS, rulebooks: new Set() },
    verbs: {
      reboot: { template: REBOOT, driver: 'bridge', os: ['linux'] },
      restore: { template: RESTORE, driver: 'bridge', os: ['linux', 'windows'], needs: 'vm' },
      update: { template: '', steps: UPDATE, driver: 'bridge', os: ['linux'] },
    },
    objects: withOther,
    outcome: (host, _, template) => outcomeOf(host, template),
    ...(spoiled.quiet === undefined ? {} : { patience: { quiet: spoiled.quiet } }),
    logOf: log => process.logOf(log),
    controllerOf: client => process.controllerOf(client),
  }
  await using world = await startWorld(options)
  witness.from = world.ledger.commands
  const { faults } = world.controller
  url = world.controller.url
  const faultless = { ...faults }
  faults.take = (method, path) =>
    operating || process.asks() ? faultless.take(method, path) : { kind: 'drop-before-commit' }
  const vms = new Vms(world)
  const sharers = new Sharers(process.logOf(world.log))
  const restart = async (): Promise<void> => {
    tally.deaths += 1
    await process.ended()
    process = begin()
    await world.restart({ logOf: log => process.logOf(log), controllerOf: client => process.controllerOf(client) })
    sharers.restart(process.logOf(world.log))
    witness.see(world)
  }
  const takeOver = async (turning: Promise<void>): Promise<void> => {
    tally.takeovers += 1
    const sleeper = process
    await sleeper.replace()
    process = begin()
    await world.restart({ logOf: log => process.logOf(log), controllerOf: client => process.controllerOf(client) })
    sharers.restart(process.logOf(world.log))
    witness.see(world)
    for (const ms of [asleepMs, 1_000, 1_000]) {
      await world.turn()
      await world.clock.advance(ms)
      witness.see(world)
    }
    sleeper.wake()
    await turning.catch(() => undefined)
  }
  const turn = async (): Promise<void> => {
    try {
      const turning = world.turn()
      const ends = turning.then(
        () => false,
        () => false,
      )
      if (await Promise.race([ends, process.asleep.then(() => true)])) await takeOver(turning)
      else await turning
    } catch (error) {
      if (process.left > 0) throw error
      await restart()
    }
    witness.see(world)
    tally.searched += world.ledger.active().filter(run => run.status === 'searching').length
  }
  for (const step of schedule) {
    if (step.do !== 'share') await sharers.close()
    if (step.do === 'share') sharers.ask(world.ledger, step.by)
    else if (step.do === 'crash') process.left = step.awaits
    else if (step.do === 'pause') {
      process.untilSleep = step.awaits
      asleepMs = step.ms
    } else {
      operating = step.do === 'operator'
      await act(step, world, vms)
      operating = false
    }
    await turn()
    await world.clock.advance(700)
  }
  if (process.left <= 0) await restart()
  process.left = Infinity
  process.untilSleep = Infinity
  faults.clear()
  // Whoever was told nothing asks again.
  for (let times = 0; times < 2; times += 1) {
    sharers.askAgain(world.ledger)
    await sharers.close()
    await turn()
  }
  for (let turns = 0; turns < 60; turns++) {
    await turn()
    if (world.ledger.active().length === 0 && turns > 2) break
    // A job that may no longer be read is given up after a day.
    await world.clock.advance(turns < 5 ? 2_000 : turns < 50 ? 20_000 : 43_200_000)
    witness.see(world)
  }
  if (world.ledger.active().length > 0) return [`a run does not end: ${JSON.stringify(world.ledger.active())}`]
  // What a controller commits late, it has committed by now.
  await world.clock.advance(60_000)
  await witness.atEnd(world)
  tally.letGo += world.runs().filter(run => run.let_go !== undefined && run.status === 'finished').length
  tally.shared += world.runs().filter(run => Object.keys(run.shared ?? {}).length > 1).length
  tally.repeated += sharers.repeated
  tally.stopped += witness.stopped
  tally.used += witness.used
  tally.later += witness.later
  for (const { fact } of await world.events())
    if (fact === 'brake_set') tally.braked += 1
    else if (fact === 'brake_released') tally.released += 1
  tally.launches += world.launches().filter(job => !isOthers(job)).length
  tally.others += world.runs().filter(run => run.external !== undefined).length
  tally.cancelled += world.runs().filter(run => run.cancel !== undefined).length
  tally.dry += world.launches().filter(job => job.job_type === 'check').length
  tally.again += world.runs().filter(run => run.attempts > 1).length
  tally.leftOut += world.runs().filter(run => run.left_out.length > 0 && run.attempts > 0).length
  return [...witness.violations, ...sharers.violations(world)]
}

/** What a person asks the bridge for, and what happens behind its back. */
const ASKING = ['command', 'cancel', 'watch', 'release', 'let go'] as const
const MEDDLING = ['template', 'job', 'clock', 'audit'] as const
type Of<Names extends readonly Step['do'][]> = Extract<Step, { do: Names[number] }>

function isOneOf<Names extends readonly Step['do'][]>(step: Step, names: Names): step is Of<Names> {
  return names.includes(step.do)
}

async function act(step: Exclude<Step, { do: 'crash' | 'pause' | 'share' }>, world: World, vms: Vms): Promise<void> {
  if (isOneOf(step, ASKING)) return ask(step, world)
  if (isOneOf(step, MEDDLING)) return meddle(step, world)
  switch (step.do) {
    case 'fault':
      return world.controller.faults.add(PLACES[step.on], step.fault, step.times)
    case 'race':
      return world.controller.faults.afterwards(PLACES.script, () => vms.act(step.how, step.vm))
    case 'flip':
      return flip(world, step.prompt)
    case 'widen':
      return widen(world)
    case 'flood':
      return vms.flood()
    case 'broken':
      vms.act('stop', step.vm)
      return world.command({ hosts: [hostOf(`web-${step.vm + 1}`)], verb: 'restore' })
    case 'operator': {
      const names = step.vms === 'all' ? ['all'] : step.vms.map(each => hostOf(`web-${each + 1}`))
      // It may meet a fault that was meant for the bridge.
      await launchByHand(world, BY_HAND[step.template], { limit: names.join() }).catch(() => 0)
      return
    }
    case 'source':
      return world.breakSource(step.broken)
    case 'cleanup': {
      const ended = world.jobs().find(job => !isUnfinished(job))
      if (ended !== undefined) world.controller.deleteJob(ended.id)
      return
    }
    case 'advance':
      return world.clock.advance(step.ms)
    default:
      return vms.act(step.do, step.vm)
  }
}

/** What a person asks the bridge for. */
async function ask(step: Of<typeof ASKING>, world: World): Promise<void> {
  switch (step.do) {
    case 'command':
      return world.command({
        hosts: step.vms.map(each => hostOf(`web-${each + 1}`)),
        verb: step.verb,
        ...(step.again ? { id: AGAIN } : {}),
        ...(step.check ? { schema: 2, check: true } : {}),
        ...(step.note === '' ? {} : { schema: 2, variables: { note: step.note } }),
      })
    case 'cancel':
      return cancel(world, step.run)
    case 'watch':
      return watch(world, step.run)
    case 'let go':
      return letGo(world)
    default:
      return release(world, step.late)
  }
}

/** What tells one wish from another, as text. */
function wishOf({ verb, hosts, variables = {}, check }: RunCommand): string {
  return JSON.stringify([verb, [...new Set(hosts)].sort(), variables, check === true])
}

/** One id, asked for again and again. */
const AGAIN = '99999999-0000-4000-8000-000000000000'

/** What people and the machines do behind the back of the bridge. */
function meddle(step: Of<typeof MEDDLING>, world: World): void {
  const { controller } = world
  if (step.do === 'audit') return setAudit(world, step.may)
  if (step.do === 'template') return change(world, step.how)
  if (step.do === 'job') {
    const running = world.jobs().find(({ status }) => status === 'running')
    if (running === undefined) return
    return step.how === 'requeue' ? controller.requeueJob(running.id) : controller.reapJob(running.id)
  }
  if (step.of === 'controller') return controller.setClock(step.aheadMs)
  world.ahead = step.aheadMs
}

/** Somebody makes a template anew, with the rights that the old one had, or gives it another name until it has been looked for. */
function change({ controller }: World, how: 'rename' | 'recreate'): void {
  const row = controller.store.templates.find(({ name }) => name === PATCH)
  if (row === undefined) return
  if (how === 'recreate') {
    controller.recreateTemplate(PATCH)
    const anew = controller.store.templates.find(({ name }) => name === PATCH)?.id ?? 0
    for (const { roles } of controller.store.users.all())
      for (const role of roles) if (role.on === 'job_template' && role.id === row.id) role.id = anew
    return
  }
  controller.renameTemplate(PATCH, 'Renamed')
  controller.faults.afterwards({ method: 'GET', path: /\/job_templates\/$/ }, () => void (row.name = PATCH))
}

/** Somebody switches a prompt off right after a preflight, and on again when the launch was answered. */
function flip(world: World, prompt: 'limit' | 'variables' | 'skip_tags' | 'job_type'): void {
  const { controller } = world
  const set = (value: boolean): void => {
    for (const template of ours(world)) template.prompts[prompt] = value
  }
  controller.faults.afterwards({ method: 'GET', path: /\/job_templates\/\d+\/launch\/$/ }, () => set(false))
  controller.faults.afterwards(LAUNCH, () => set(true))
}

/** The templates of the bridge, but one that is called otherwise just now. */
function ours({ controller }: World) {
  return controller.store.templates.filter(({ name }) =>
    [ONBOARD, PATCH, REBOOT, RESTORE, ...UPDATE.map(({ template }) => template)].includes(name),
  )
}

/** Somebody empties the templates' own limit as well, right after a preflight: a limit that is dropped then means everybody. */
function widen(world: World): void {
  const { controller } = world
  flip(world, 'limit')
  const own = (limit: string): void => {
    for (const template of ours(world)) template.limit = limit
  }
  controller.faults.afterwards({ method: 'GET', path: /\/job_templates\/\d+\/launch\/$/ }, () => own(''))
  controller.faults.afterwards(LAUNCH, () => own('virtbridge-no-default-limit'))
}

/** A person wants the end of some run, or of none. */
async function cancel(world: World, index: number): Promise<void> {
  const run = world.runs()[index]?.id ?? AGAIN
  const id = crypto.randomUUID()
  const value = { schema: 1, kind: 'cancel', id, run, asked_by: 'bob', at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

/** A person lets go of the first job of others that is under way, whether it can be read or not. */
async function letGo(world: World): Promise<void> {
  const run = world.ledger.active().find(({ external }) => external !== undefined)
  if (run === undefined) return
  const value = { schema: 1, kind: 'cancel', id: crypto.randomUUID(), run: run.id, asked_by: 'bob', at: 0 }
  await world.log.append([{ stream: 'commands', key: value.id, value }])
}

/** A template of others, and an account that may read all of the organization. */
function withOther(objects: ControllerObjects): void {
  const [patch] = objects.templates.filter(({ name }) => name === PATCH)
  if (patch === undefined) throw new Error('no template')
  objects.templates.push({ ...patch, name: BY_HAND.other })
  const auditor = { user: 'virtbridge', on: 'organization', name: 'Default', role: 'auditor' } as const
  objects.roles = [...(objects.roles ?? []), auditor]
}

function setAudit({ controller }: World, may: boolean): void {
  for (const user of controller.store.users.all())
    if (user.username === 'virtbridge')
      user.roles = user.roles.map(role =>
        role.on === 'organization' ? { ...role, role: may ? 'auditor' : 'none' } : role,
      )
}

function mayAudit({ controller }: World): boolean {
  const [bridge] = controller.store.users.filter(({ username }) => username === 'virtbridge')
  return bridge?.roles.some(({ role }) => role === 'auditor') === true
}

/** A person who looked at the brake that is set, or at an earlier one, says that it may go on. */
async function release(world: World, late: boolean): Promise<void> {
  const id = crypto.randomUUID()
  const brake = late ? 'an earlier one' : (world.ledger.brake?.id ?? '')
  const value = { schema: 1, kind: 'release_brake', id, brake, asked_by: 'bob', at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

const REBOOT = 'Day2 | Reboot'
const RESTORE = 'Day2 | Restore'
const FLEET = 'virtbridge fleet'
/** A verb with steps; the second is what another verb does by itself. */
const UPDATE = [
  { name: 'precheck', template: 'Day2 | Precheck' },
  { name: 'patch', template: PATCH },
  { name: 'verify', template: 'Day2 | Verify' },
]
/** What people launch from the controller. */
const BY_HAND = { patch: PATCH, onboard: ONBOARD, restore: RESTORE, other: 'Nightly' } as const

/** A person watches how some run goes, or none. */
async function watch(world: World, index: number): Promise<void> {
  const id = crypto.randomUUID()
  const value = { schema: 1, kind: 'watch', id, run: world.runs()[index]?.id ?? AGAIN, at: world.clock.now() }
  await world.log.append([{ stream: 'commands', key: id, value }])
}

/** What our templates do, by name. */
const VERBS: ReadonlyMap<string, Verb> = new Map([
  [ONBOARD, 'onboard'],
  [PATCH, 'patch'],
  [REBOOT, 'reboot'],
  [RESTORE, 'restore'],
])

/** How a job goes on a host: some fail at once, one at the last step of the verb that has some. */
function outcomeOf(host: string, template: string): 'ok' | 'failed' | 'unreachable' {
  if (host.startsWith('web-2') || (host.startsWith('web-4') && template === UPDATE.at(-1)?.template)) return 'failed'
  return host.startsWith('web-3') ? 'unreachable' : 'ok'
}

/** The marker of a job of ours; empty of any other. */
function markOf({ skip_tags }: Job): string {
  return skip_tags.split(',').find(tag => tag.startsWith('virtbridge-')) ?? ''
}

/** Whether others launched a job. */
function isOthers(job: Job): boolean {
  return !job.skip_tags.includes('virtbridge-') || job.launch_type !== 'manual'
}

class Vms {
  readonly #world: World
  readonly #records = new Map<number, VmRecord>()
  #count = 0

  constructor(world: World) {
    this.#world = world
  }

  flood(): void {
    for (let vm = 0; vm < VMS - ADOPTED; vm += 1) this.act('recreate', vm)
  }

  act(how: 'ready' | 'stop' | 'delete' | 'recreate' | 'address', index: number): void {
    const name = `web-${index + 1}`
    const known = this.#records.get(index)
    if (how === 'delete') {
      if (known !== undefined) this.#world.gone(known)
      this.#records.delete(index)
      return
    }
    const anew = known === undefined || how === 'recreate'
    const uid = anew ? `uid-${name}-${++this.#count}` : known.uid
    const address = anew || how === 'address' ? `10.2.${++this.#count % 200}.${index + 1}` : known.seen.address
    const stopped = how === 'stop' ? { seen: { boot: '', phase: '' } } : {}
    const record = guest(name, { uid, address, adopted: index >= VMS - ADOPTED, ...stopped })
    this.#records.set(index, { ...record, seen: { ...record.seen, address } })
    this.#world.put(record)
  }
}
