import { type Controller, type Followed, reconcile } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import type { Entry, EventLog } from '../log/index.ts'
import { until } from '../waiting.ts'
import { failed, launchRequest, type Place, preflight } from './controller-side.ts'
import type { Ledger } from './ledger.ts'
import { admit, plan, type Policy, whyNotOnboard } from './plan.ts'
import { finished, forgotten, type Outcomes, planned, runEntry, started } from './record.ts'
import { type Command, leaveOut, newRun, type Run, type RunCommand, type RunHost } from './run.ts'
import { afterLaunch, afterPoll, afterSearch, MAX_UPDATES, type Next, type Patience } from './step.ts'

/** Told of what a dispatcher does, for logs and metrics. Never with a secret. */
export interface DispatchReport {
  (
    what: 'planned' | 'started' | 'finished' | 'deferred' | 'trouble' | 'alarm',
    details: { run?: string; message: string },
  ): void
}

export interface DispatcherOptions {
  readonly log: EventLog
  readonly fleet: FleetView
  readonly ledger: Ledger
  readonly controller: Controller
  readonly place: Place
  readonly policies: { readonly onboard: Policy; readonly patch: Pick<Policy, 'template' | 'driver'> }
  readonly patience: Patience
  readonly pollMs: number
  readonly now: () => number
  readonly newId: () => string
  readonly report: DispatchReport
}

/** Commands taken in at one go. */
const COMMANDS_AT_ONCE = 100

/**
 * The one who launches. Level based: at every turn it looks at fleet, ledger and commands, decides, and moves each run one step on.
 * Whatever a step leads to outside is durable before it is done, so a crash at any await is found in the ledger by the next one.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #waitingSince = new Map<string, number>()
  #recovered = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Works until the signal aborts. Rejects only when the log is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, ledger } = this.#options
    while (!signal.aborted) {
      await this.turn(signal)
      const waiting = new AbortController()
      const commanded = firstOf(log.follow('commands', ledger.commands, AbortSignal.any([signal, waiting.signal])))
      await until(commanded, signal, this.#options.pollMs)
      waiting.abort()
    }
  }

  /** One look at everything. */
  async turn(signal: AbortSignal): Promise<void> {
    if (!this.#recovered) await this.#recover()
    await this.#takeCommands()
    await this.#startDue()
    const runs = this.#options.ledger.active()
    const following = runs.filter(run => run.status === 'following')
    await Promise.all([
      ...runs.filter(run => run.status !== 'following').map(run => this.#step(run, signal)),
      this.#follow(following),
    ])
    await this.#append(forgotten(this.#options.ledger.expired(), this.#options.ledger))
  }

  /** A run that was being posted when its dispatcher died may have a job: it is searched for, from now on for a whole quiet period. */
  async #recover(): Promise<void> {
    this.#recovered = true
    const now = this.#options.now()
    for (const run of this.#options.ledger.active()) {
      if (run.status !== 'posting' && run.status !== 'searching') continue
      await this.#save({ ...run, status: 'searching', since: now, message: 'the dispatcher stopped while it launched' })
    }
  }

  async #takeCommands(): Promise<void> {
    const { log, ledger } = this.#options
    for (const entry of await log.page('commands', ledger.commands, COMMANDS_AT_ONCE)) {
      const position: Entry = {
        stream: 'state.runs',
        key: 'position/commands',
        value: { schema: 1, kind: 'position', position: entry.position },
      }
      const command = entry.value as Command
      const entries = command.kind === 'run' && !ledger.runs.has(command.id) ? this.#admit(command) : []
      await this.#append([...entries, position])
    }
  }

  /** The run a person asked for: durable with the position of the command, so that it is taken in exactly once. */
  #admit(command: RunCommand): readonly Entry[] {
    const { fleet, ledger, policies, now } = this.#options
    const policy = policies[command.verb]
    const { hosts, refused } = admit(command.hosts, {
      byHost: host => fleet.byHost(host),
      clusters: fleet.clusters,
      ledger,
    })
    const wish = {
      id: command.id,
      verb: command.verb,
      template: policy.template,
      askedBy: command.asked_by,
      reason: command.reason,
    }
    const left = [...refused].map(([host, reason]) => ({ ...this.#known(host), reason }))
    const run: Run = { ...newRun({ ...wish, hosts }, now()), left_out: left }
    this.#options.report('planned', {
      run: run.id,
      message: `${run.verb} on ${hosts.length} of ${command.hosts.length} hosts, asked by ${run.asked_by}`,
    })
    if (policy.driver !== 'bridge')
      return finished(allOut(run, `its driver is ${policy.driver}`), new Map(), '', ledger, now()).entries
    if (hosts.length === 0) return finished(run, new Map(), 'no host could be launched on', ledger, now()).entries
    return planned(run, ledger, now())
  }

  #known(host: string): RunHost {
    const record = this.#options.fleet.byHost(host)
    if (record === undefined) return { host, key: host, uid: '', address: '' }
    return { host, key: `${record.cluster}/${record.namespace}/${record.name}`, uid: record.uid, address: '' }
  }

  async #startDue(): Promise<void> {
    const { fleet, ledger, policies, newId } = this.#options
    const now = this.#options.now()
    this.#noteWaiting(now)
    for (const decision of plan({ fleet, ledger, waitingSince: this.#waitingSince }, policies.onboard, now)) {
      if (decision.kind === 'defer') {
        this.#options.report('deferred', { message: `${decision.hosts.length} hosts: ${decision.reason}` })
        continue
      }
      const run = newRun(
        {
          id: newId(),
          verb: decision.verb,
          template: decision.template,
          askedBy: 'bridge',
          reason: decision.reason,
          hosts: decision.hosts,
        },
        now,
      )
      this.#options.report('planned', {
        run: run.id,
        message: `${run.verb} on ${run.hosts.length} hosts: ${run.reason}`,
      })
      await this.#append(planned(run, ledger, now))
    }
  }

  #noteWaiting(now: number): void {
    const { fleet, ledger, policies } = this.#options
    const waiting = new Set<string>()
    for (const record of fleet.vms.values()) {
      if (record.adopted || whyNotOnboard(record, { fleet, ledger }, policies.onboard, now) !== '') continue
      waiting.add(record.uid)
      if (!this.#waitingSince.has(record.uid)) this.#waitingSince.set(record.uid, now)
    }
    for (const uid of this.#waitingSince.keys()) if (!waiting.has(uid)) this.#waitingSince.delete(uid)
  }

  async #step(run: Run, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (run.status === 'planned') await this.#launch(run, signal)
    else if (run.status === 'updating') await this.#awaitUpdate(run)
    else if (run.status === 'searching') await this.#search(run)
  }

  async #launch(run: Run, signal: AbortSignal): Promise<void> {
    const { controller, place, patience, now } = this.#options
    const fresh = leaveOut(run, this.#changed(run))
    if (fresh.hosts.length === 0) return this.#end(fresh, new Map(), 'no host is ready any more')
    const found = await preflight(controller, fresh, place)
    if (found.kind === 'refused') return this.#end(allOut(fresh, found.reason), new Map(), found.reason)
    if (found.kind === 'later') {
      this.#options.report('trouble', { run: run.id, message: found.reason })
      if (now() - run.since <= patience.preflight) return
      return this.#end(allOut(fresh, found.reason), new Map(), found.reason)
    }
    if (found.stale.length > 0 && fresh.updates < MAX_UPDATES) return this.#update(fresh)
    const ready = leaveOut(fresh, new Map(found.stale.map(guest => [guest.host, guest.reason])))
    if (ready.hosts.length === 0)
      return this.#end(ready, new Map(), 'the controller would reach none of the guests that are meant')
    if (signal.aborted) return
    const intent: Run = {
      ...ready,
      status: 'posting',
      since: now(),
      attempts: run.attempts + 1,
      template_id: found.template.id,
      inventory_id: found.inventory.id,
    }
    await this.#save(intent)
    await this.#go(afterLaunch(intent, await controller.launch(found.template, launchRequest(intent)), now()))
  }

  /** Hosts of a plan that are not what they were: gone, another incarnation, moved, or not ready any more. */
  #changed(run: Run): ReadonlyMap<string, string> {
    const { fleet, ledger } = this.#options
    const world = { byHost: (host: string) => fleet.byHost(host), clusters: fleet.clusters, ledger, own: run.id }
    const asked = run.hosts.map(host => host.host)
    const { hosts, refused } = admit(asked, world)
    const now = new Map(hosts.map(host => [host.host, host]))
    const reasons = new Map(refused)
    for (const host of run.hosts) {
      const seen = now.get(host.host)
      if (seen !== undefined && seen.uid !== host.uid) reasons.set(host.host, 'another VM has its name by now')
      else if (seen !== undefined && seen.address !== host.address)
        reasons.set(host.host, 'its address has changed since')
    }
    return reasons
  }

  async #update(run: Run): Promise<void> {
    const { controller, place, now } = this.#options
    try {
      const inventory = await controller.findInventory(place.inventory, place.organization)
      const source = await controller.findInventorySource(place.source, inventory)
      const update = await controller.updateSource(source)
      await this.#save({
        ...run,
        status: 'updating',
        since: now(),
        updates: run.updates + 1,
        update: { id: update.id, url: update.url },
      })
    } catch (error) {
      const { kind, reason } = failed(error)
      this.#options.report('trouble', { run: run.id, message: `inventory update: ${reason}` })
      if (kind === 'refused') await this.#save({ ...run, updates: run.updates + 1, message: reason })
    }
  }

  async #awaitUpdate(run: Run): Promise<void> {
    const { controller, now, patience } = this.#options
    if (run.update === null) return this.#save({ ...run, status: 'planned', since: now() })
    try {
      const update = await controller.update(run.update)
      if (!update.finished && now() - run.since <= patience.update) return
      const message = update.finished && !update.failed ? '' : `inventory update ${update.id} is ${update.status}`
      await this.#save({ ...run, status: 'planned', since: now(), message })
    } catch (error) {
      this.#options.report('trouble', { run: run.id, message: failed(error).reason })
      if (now() - run.since > patience.update) await this.#save({ ...run, status: 'planned', since: now() })
    }
  }

  async #search(run: Run): Promise<void> {
    const { controller, now, patience } = this.#options
    try {
      const found = await controller.recover({ id: run.template_id }, launchRequest(run))
      await this.#go(afterSearch(run, found, now(), patience.quiet))
    } catch (error) {
      this.#options.report('trouble', { run: run.id, message: `search for its job: ${failed(error).reason}` })
      if (now() - run.since > patience.job)
        await this.#go({
          kind: 'ends',
          run,
          outcome: 'unknown',
          message: 'whether it was launched could not be found out',
        })
    }
  }

  async #follow(runs: readonly Run[]): Promise<void> {
    const { controller, now } = this.#options
    const ids = runs.flatMap(run => (run.job === null ? [] : [run.job.id]))
    if (ids.length === 0) return
    try {
      const jobs = await controller.jobs(ids)
      for (const run of runs) await this.#followOne(run, jobs.get(run.job?.id ?? 0) ?? 'vanished', now())
    } catch (error) {
      this.#options.report('trouble', { message: `following ${ids.length} jobs: ${failed(error).reason}` })
    }
  }

  async #followOne(run: Run, job: Followed, now: number): Promise<void> {
    const { done, run: seen } = afterPoll(run, job, now, this.#options.patience)
    if (!done) return seen === run ? undefined : this.#save(seen)
    const hosts = seen.hosts.map(host => host.host)
    const readable = typeof job === 'object' && seen.job !== null
    const summaries = readable ? await this.#options.controller.hostSummaries({ url: seen.job?.url ?? '' }) : []
    const message = typeof job === 'object' ? job.explanation : `the job is ${job}`
    await this.#end(seen, reconcile(hosts, job, summaries), message)
  }

  async #go(next: Next): Promise<void> {
    if (next.kind === 'goes_on') {
      if (next.news === null) return this.#save(next.run)
      this.#options.report('started', {
        run: next.run.id,
        message: `job ${next.run.job?.id ?? 0} on ${next.run.hosts.length} hosts`,
      })
      return this.#append(started(next.run, this.#options.now()))
    }
    if (next.outcome === 'unknown') this.#options.report('alarm', { run: next.run.id, message: next.message })
    const run = next.outcome === 'refused' ? allOut(next.run, next.message) : next.run
    return this.#end(run, new Map(), next.message)
  }

  async #end(run: Run, outcomes: Outcomes, message: string): Promise<void> {
    const end = finished(run, outcomes, message, this.#options.ledger, this.#options.now())
    await this.#append(end.entries)
    const counts = Object.entries(end.run.counts).map(([outcome, count]) => `${count} ${outcome}`)
    this.#options.report('finished', {
      run: run.id,
      message: `${run.verb}: ${counts.join(', ')}${message === '' ? '' : ` (${message})`}`,
    })
  }

  #save(run: Run): Promise<void> {
    return this.#append([runEntry(run)])
  }

  /** Durable first, then the dispatcher's own view. */
  async #append(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return
    await this.#options.log.append(entries)
    for (const entry of entries) if (entry.stream === 'state.runs') this.#options.ledger.apply(entry)
  }
}

function allOut(run: Run, reason: string): Run {
  return leaveOut(run, new Map(run.hosts.map(host => [host.host, reason])))
}

async function firstOf(entries: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of entries) return
}
