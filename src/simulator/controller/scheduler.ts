import { blockerOf, isJob } from './blocker.ts'
import { addSummaries } from './host-summary.ts'
import { importInventory } from './inventory-import.ts'
import { play } from './play.ts'
import { isUnfinished } from './records.ts'
import { nextId } from './store.ts'
import type { Runnable } from './blocker.ts'
import type { Job } from './job-records.ts'
import type { InventoryUpdate } from './records.ts'
import type { Fetched } from './origin.ts'
import type { Occasion } from './notification.ts'
import type { OutcomeOf } from './outcome.ts'
import type { Store } from './store.ts'
import type { Tell } from './route.ts'
import type { Timing } from './timing.ts'

const EXPLAIN_AFTER_MS = 30_000

export type World = {
  store: Store
  timing: Timing
  outcomeOf: OutcomeOf
  /** What sources answered and when, by the id of the update that asked. Not remembered over a restart: the update asks again. */
  fetched: Map<number, Fetched & { at: number }>
  tell: Tell
  /** A job tells of itself to whom its template says. */
  notify: (occasion: Occasion, job: Job) => void
}

type Transition = { at: number; apply: (at: number) => void }

/**
 * Brings everything up to `now`, one transition after the other in the order of their times, and says when the next one is due.
 * Level based: it looks at what is, so that it may be called at any time, late, twice, or for the first time after a restart.
 */
export function step(world: World, now: number): number | undefined {
  let at = now
  for (;;) {
    for (const row of unfinished(world.store)) settleBlocked(world, row, at)
    const next = dueTransitions(world).sort((a, b) => a.at - b.at)[0]
    if (next === undefined || next.at > now) return next?.at
    at = next.at
    next.apply(at)
  }
}

/** Updates that wait for their source: the caller fetches, puts the answer into `fetched`, and steps again. */
export function awaitingFetch({ store, fetched }: World): InventoryUpdate[] {
  return store.updates.filter(update => update.status === 'running' && !fetched.has(update.id))
}

function unfinished(store: Store): Runnable[] {
  return [...store.jobs.filter(isUnfinished), ...store.updates.filter(isUnfinished)].sort((a, b) => a.id - b.id)
}

/** Remembers that something stands in the way, and, when it is gone, from which tick on the row may start. */
function settleBlocked(world: World, row: Runnable, at: number): void {
  if (row.status !== 'pending') return
  const waitsFor = reasonToWait(world, row)
  if (waitsFor !== undefined) row.blocked = true
  else if (row.blocked) {
    row.blocked = false
    row.eligible_at = Math.ceil((at + 1) / world.timing.tickMs) * world.timing.tickMs
    if (isJob(row)) row.job_explanation = ''
  }
}

function dueTransitions(world: World): Transition[] {
  const due: Transition[] = []
  for (const row of unfinished(world.store)) {
    const next = row.cancel_at === null ? forward(world, row) : cancelling(world, row, row.cancel_at)
    if (next !== undefined) due.push(next)
  }
  for (const job of world.store.jobs.filter(each => !isUnfinished(each) && !each.event_processing_finished)) {
    due.push({ at: (job.finished ?? 0) + world.timing.eventsDelayMs, apply: at => processEvents(world, job, at) })
  }
  return due
}

function forward(world: World, row: Runnable): Transition | undefined {
  const { timing } = world
  if (row.status === 'pending') {
    if (row.blocked) return explaining(world, row)
    const at = Math.max(row.eligible_at, row.created + timing.pendingMs)
    return { at, apply: () => leavePending(world, row, at) }
  }
  if (row.status === 'waiting')
    return { at: (row.waiting_since ?? 0) + timing.waitingMs, apply: at => start(world, row, at) }
  return isJob(row) ? endOfJob(world, row) : endOfUpdate(world, row)
}

const NO_ROOM = 'This job is not ready to start because there is not enough available capacity.'

/** Why a pending row does not start, in the product's words. */
function reasonToWait({ store, timing }: World, row: Runnable): string | undefined {
  const blocker = blockerOf(store, row)
  if (blocker !== undefined) return `waiting for ${blocker} to finish`
  const taken = store.jobs.filter(({ status }) => status === 'waiting' || status === 'running').length
  return isJob(row) && taken >= timing.room ? NO_ROOM : undefined
}

function explaining(world: World, row: Runnable): Transition | undefined {
  const text = reasonToWait(world, row)
  if (text === undefined || row.job_explanation === text) return undefined
  return { at: row.created + EXPLAIN_AFTER_MS, apply: () => void (row.job_explanation = text) }
}

function leavePending(world: World, row: Runnable, at: number): void {
  const failed = isJob(row)
    ? row.depends_on.map(id => world.store.updates.must(id)).find(update => update.status !== 'successful')
    : undefined
  if (isJob(row) && failed !== undefined) {
    row.job_explanation = `Previous Task Failed: {"job_type": "inventory_update", "job_name": "${failed.name}", "job_id": "${failed.id}"}`
    row.event_processing_finished = true
    finish(world, row, 'failed', at)
    return
  }
  row.status = 'waiting'
  row.waiting_since = at
}

function start(world: World, row: Runnable, at: number): void {
  row.status = 'running'
  row.started = at
  if (isJob(row)) {
    row.modified = at
    row.run = play(world.store, row, world.outcomeOf, { now: at, playMs: world.timing.playMs })
    world.tell({
      kind: 'job_started',
      job: row.id,
      template: row.name,
      hosts: row.run.results.map(({ host_name }) => host_name),
      text: `job ${row.id} "${row.name}" is running`,
    })
    world.notify('started', row)
  } else {
    row.source_project_update = nextId(world.store, 'run')
  }
}

function endOfJob(world: World, job: Job): Transition | undefined {
  const { run, started } = job
  if (run === null || started === null) return undefined
  const deadline = job.timeout > 0 ? started + job.timeout * 1000 : Infinity
  if (run.ends_at !== null && run.ends_at <= deadline) {
    return { at: run.ends_at, apply: at => finish(world, job, run.status, at) }
  }
  if (deadline === Infinity) return undefined
  return {
    at: deadline,
    apply: at => {
      job.job_explanation = 'Job terminated due to timeout'
      forgetResults(job)
      finish(world, job, 'failed', at)
    },
  }
}

const REAPED = 'Task was marked as running but was not present in the job queue, so it has been marked as failed.'

/** Ends a job that runs and that its node has forgotten. */
export function reap(world: Pick<World, 'store' | 'tell'>, job: Job, now: number): void {
  if (job.status !== 'running') throw new Error(`job ${job.id} does not run`)
  job.job_explanation = REAPED
  forgetResults(job)
  finish(world, job, 'failed', now)
}

/** Puts a job that runs back into the queue, as if it had never begun; it leaves it at the next tick. */
export function requeue(job: Job, now: number): void {
  if (job.status !== 'running') throw new Error(`job ${job.id} does not run`)
  Object.assign(job, { status: 'pending', blocked: true, started: null, waiting_since: null, run: null, modified: now })
}

/** A job that was stopped leaves no recap: what became of its hosts nobody knows. */
function forgetResults(job: Job): void {
  if (job.run !== null) job.run = { ...job.run, results: [], artifacts: {} }
}

function cancelling(world: World, row: Runnable, asked: number): Transition {
  const running = row.status === 'running'
  return {
    at: running ? asked + world.timing.cancelMs : asked,
    apply: at => {
      row.canceled_on = at
      if (isJob(row)) {
        forgetResults(row)
        // Nothing ran, so there are no events to wait for.
        row.event_processing_finished = !running
      }
      finish(world, row, 'canceled', at)
    },
  }
}

function finish(world: Pick<World, 'store' | 'tell'>, row: Runnable, status: Job['status'], at: number): void {
  row.status = status
  row.failed = status !== 'successful'
  row.finished = at
  if (!isJob(row)) world.store.sources.must(row.inventory_source).last_update = row.id
  const noun = isJob(row) ? 'job' : 'inventory update'
  world.tell({
    kind: isJob(row) ? 'job_finished' : 'update_finished',
    [isJob(row) ? 'job' : 'update']: row.id,
    status,
    text: `${noun} ${row.id} "${row.name}" ended: ${status}${row.job_explanation === '' ? '' : ` (${row.job_explanation})`}`,
  })
}

function processEvents(world: World, job: Job, at: number): void {
  job.event_processing_finished = true
  const results = job.run?.results ?? []
  addSummaries(world.store, job, results, at)
  for (const { host_name, outcome, message } of results) {
    world.tell({
      kind: 'host_result',
      job: job.id,
      template: job.name,
      host: host_name,
      outcome,
      text: `job ${job.id} "${job.name}" on ${host_name}: ${outcome}${message === '' ? '' : ` (${message})`}`,
    })
  }
  world.notify(job.status === 'successful' ? 'success' : 'error', job)
}

function endOfUpdate(world: World, update: InventoryUpdate): Transition | undefined {
  const fetched = world.fetched.get(update.id)
  if (fetched === undefined) return undefined
  return {
    at: Math.max((update.started ?? 0) + world.timing.updateMs, fetched.at),
    apply: at => {
      world.fetched.delete(update.id)
      const source = world.store.sources.must(update.inventory_source)
      const result = fetched.ok ? importInventory(world.store, source, fetched.document, at) : fetched
      update.stdout = result.ok
        ? `Inventory import completed for ${source.name}: ${result.hosts} hosts, ${result.added} added, ${result.changed} changed, ${result.removed} removed\n`
        : `[ERROR]: ${result.cause}\n[ERROR]: No inventory was parsed, please check your configuration and options.\n`
      finish(world, update, result.ok ? 'successful' : 'failed', at)
    },
  }
}
