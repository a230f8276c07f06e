import { MAX_HOSTS } from '../aap/index.ts'
import type { Entry } from '../log/index.ts'
import { afterStep } from './after-step.ts'
import { hostEvent, runEvent } from './event.ts'
import type { LedgerView } from './ledger.ts'
import { type HostResult, type Run, type RunHost, type RunOutcome, withoutLarge, withoutSecrets } from './run.ts'
import { isLaterStep, type RunStep, stepOf, withStep } from './run-step.ts'
import { verbAfter, verbBegun } from './verb-record.ts'

/** The entries that make a new intent durable: the run, and that its verb runs on each of its VMs. */
export function planned(run: Run, ledger: LedgerView, now: number): readonly Entry[] {
  return [runEntry(run), ...verbBegun(run, ledger, now)]
}

/** The entries of a job that others launched, at its first sight. */
export function begun(run: Run, ledger: LedgerView, now: number): readonly Entry[] {
  return [
    { stream: 'events.day2', key: run.id, value: runEvent(run, 'run_started', now) },
    ...planned(run, ledger, now),
  ]
}

/** The entry of a run as it stands. */
export function runEntry(run: Run): Entry {
  return { stream: 'state.runs', key: `run/${run.id}`, value: run }
}

/** The entries of a job that runs: what was asked for is now being done. A run starts once, with the first of its steps. */
export function started(run: Run, now: number): readonly Entry[] {
  if (isLaterStep(run)) return [runEntry(run)]
  return [{ stream: 'events.day2', key: run.id, value: runEvent(run, 'run_started', now) }, runEntry(run)]
}

type Outcome = Pick<HostResult, 'outcome' | 'detail' | 'returned'>

/** Outcomes by host name; a host without one is `unknown`. */
export type Outcomes = ReadonlyMap<string, Outcome>

/** How the detail of each host of a dry run begins. */
const DRY = 'dry run: '

/** What became of one host of a run, as it is to be told. */
type Became = Outcome & { readonly host: RunHost; readonly step?: string }

/**
 * The end of a run: exactly one outcome for each host that was asked for, those left out included. Gives the finished run and the
 * entries that record it: an event and a result for each host, what its verb came to, and the run itself last. Of a run with steps those
 * hosts that went no further have theirs already. `nowhere`: the outcome of a run that was about no host.
 */
export function finished(
  run: Run,
  outcomes: Outcomes,
  message: string,
  around: { ledger: LedgerView; now: number; nowhere?: RunOutcome },
): { run: Run; entries: readonly Entry[] } {
  const { now, nowhere = 'refused' } = around
  const results = becameOf(run, outcomes)
  const counts = countsOf([...(run.halted ?? []), ...results])
  const steps = endedSteps(run, outcomes, message, now)
  const done: Run = {
    ...withoutSecrets(withoutLarge(run)),
    ...(steps === undefined ? {} : { steps: steps.map(step => (step.ended_at === 0 ? notRun(step) : step)) }),
    status: 'finished',
    since: now,
    finished_at: now,
    counts,
    message,
    outcome: Object.keys(counts).length === 0 ? nowhere : overall(counts),
  }
  return {
    run: done,
    entries: [
      // Of jobs of others only those that do a verb are told host by host: the others are no news of a VM.
      ...(run.verb === '' ? [] : results).flatMap(one => toldOf(done, one, around)),
      { stream: 'events.day2', key: run.id, value: runEvent(done, 'run_finished', now) },
      // Every host has its result; the run of a job of others need not name thousands of them.
      runEntry({ ...done, hosts: done.hosts.slice(0, MAX_HOSTS) }),
    ],
  }
}

/**
 * The end of a step after which the run goes on: the run at its next one, and the entries that record it and the end of the run on each
 * host that goes no further; the run itself last. Null when the run ends with this step.
 */
export function stepped(
  run: Run,
  outcomes: Outcomes,
  message: string,
  around: { ledger: LedgerView; now: number },
): { run: Run; entries: readonly Entry[] } | null {
  const { now } = around
  const results = becameOf(run, outcomes)
  const halted = results.map(({ host, outcome, step = '' }) => ({ ...host, step, outcome }))
  const next = afterStep(run, halted, endedSteps(run, outcomes, message, now) ?? [], now)
  if (next === null) return null
  const stopped = results.filter(({ outcome }) => outcome !== 'ok')
  return { run: next, entries: [...stopped.flatMap(one => toldOf(run, one, around)), runEntry(next)] }
}

/** What became of each host that the run is at; whoever is left out of a later step is not as if nothing had been done there. */
function becameOf(run: Run, outcomes: Outcomes): readonly Became[] {
  const step = stepOf(run)
  const became: readonly Became[] = [
    ...run.hosts.map(host => ({ host, ...outcomeOf(host, outcomes) })),
    ...run.left_out.map(({ reason, ...host }) =>
      isLaterStep(run)
        ? { host, outcome: 'failed' as const, detail: `not launched: ${reason}` }
        : { host, outcome: 'refused' as const, detail: reason },
    ),
  ]
  const at = ({ outcome, detail, ...one }: Became): Became =>
    step === undefined || outcome === 'ok'
      ? { ...one, outcome, detail }
      : { ...one, outcome, detail: `step ${step.name}: ${detail}`, step: step.name }
  // Said wherever an outcome is: "ok" of a dry run did nothing.
  return became.map(at).map(one => (run.check === true ? { ...one, detail: `${DRY}${one.detail}` } : one))
}

function outcomeOf({ host }: RunHost, outcomes: Outcomes): Outcome {
  return outcomes.get(host) ?? { outcome: 'unknown', detail: 'nothing is known of it' }
}

/** The steps of a run with what the one that it is at came to; undefined where there are none. */
function endedSteps(run: Run, outcomes: Outcomes, message: string, now: number): readonly RunStep[] | undefined {
  if (run.steps === undefined) return undefined
  const left = run.left_out.map(() => ({ outcome: 'refused' as const }))
  const counts = countsOf([...run.hosts.map(host => outcomeOf(host, outcomes)), ...left])
  const { job, launched_at: started_at = 0, attempts } = run
  return withStep(run, {
    state: overall(counts) || 'refused',
    job,
    started_at,
    ended_at: now,
    attempts,
    counts,
    message,
  })
}

function notRun(step: RunStep): RunStep {
  return { ...step, state: 'not_run' }
}

function countsOf(all: readonly Pick<HostResult, 'outcome'>[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome } of all) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** The entries that tell of one host what became of it. */
function toldOf(
  run: Run,
  { host, ...became }: Became,
  { ledger, now }: { ledger: LedgerView; now: number },
): readonly Entry[] {
  const { outcome, detail, step, returned } = became
  const result: HostResult = {
    schema: 1,
    kind: 'host',
    run: run.id,
    host: host.host,
    uid: host.uid,
    outcome,
    detail,
    at: now,
    ...(step === undefined ? {} : { step }),
    ...(returned === undefined ? {} : { returned }),
  }
  return [
    { stream: 'events.day2', key: host.key, value: hostEvent(run, host, result, now) },
    { stream: 'state.runs', key: `run/${run.id}/${host.host}`, value: result },
    ...verbAfter(run, host, result, ledger),
  ]
}

/** The entries that forget runs which finished too long ago to be kept. */
export function forgotten(runs: readonly Run[], ledger: LedgerView): readonly Entry[] {
  return runs.flatMap(run => [
    ...ledger
      .results(run.id)
      .map((result): Entry => ({ stream: 'state.runs', key: `run/${run.id}/${result.host}`, value: null })),
    { stream: 'state.runs', key: `run/${run.id}`, value: null } satisfies Entry,
  ])
}

function overall(counts: Readonly<Record<string, number>>): RunOutcome {
  const known = Object.keys(counts)
  if (known.every(outcome => outcome === 'refused')) return 'refused'
  if (known.every(outcome => outcome === 'ok')) return 'ok'
  return known.every(outcome => outcome === 'unknown' || outcome === 'refused') ? 'unknown' : 'failed'
}
