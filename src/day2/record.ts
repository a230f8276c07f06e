import type { Entry } from '../log/index.ts'
import { hostEvent, runEvent } from './event.ts'
import type { LedgerView } from './ledger.ts'
import type { HostResult, Run, RunHost, RunOutcome, VerbRecord } from './run.ts'

/** The entries that make a new intent durable: the run, and that its verb runs on each of its VMs. */
export function planned(run: Run, ledger: LedgerView, now: number): readonly Entry[] {
  const running = run.hosts.map(host =>
    verbEntry(run, host, { status: 'running', detail: '', refusals: refusalsOf(run, host, ledger) }, now),
  )
  return [runEntry(run), ...running]
}

/** The entry of a run as it stands. */
export function runEntry(run: Run): Entry {
  return { stream: 'state.runs', key: `run/${run.id}`, value: run }
}

/** The entries of a job that runs: what was asked for is now being done. */
export function started(run: Run, now: number): readonly Entry[] {
  return [{ stream: 'events.day2', key: run.id, value: runEvent(run, 'run_started', now) }, runEntry(run)]
}

/** Outcomes by host name; a host without one is `unknown`. */
export type Outcomes = ReadonlyMap<string, { readonly outcome: HostResult['outcome']; readonly detail: string }>

/**
 * The end of a run: exactly one outcome for each host that was asked for, those left out included. Gives the finished run and the
 * entries that record it: an event and a result for each host, what its verb came to, and the run itself last.
 */
export function finished(
  run: Run,
  outcomes: Outcomes,
  message: string,
  ledger: LedgerView,
  now: number,
): { run: Run; entries: readonly Entry[] } {
  const results = [
    ...run.hosts.map(host => ({
      host,
      ...(outcomes.get(host.host) ?? { outcome: 'unknown' as const, detail: 'nothing is known of it' }),
    })),
    ...run.left_out.map(host => ({ host, outcome: 'refused' as const, detail: host.reason })),
  ]
  const counts: Record<string, number> = {}
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1
  const done: Run = {
    ...run,
    status: 'finished',
    since: now,
    finished_at: now,
    counts,
    message,
    outcome: overall(counts),
  }
  const entries = results.flatMap(({ host, outcome, detail }): Entry[] => {
    const result: HostResult = {
      schema: 1,
      kind: 'host',
      run: run.id,
      host: host.host,
      uid: host.uid,
      outcome,
      detail,
      at: now,
    }
    const refusals = outcome === 'refused' ? refusalsOf(run, host, ledger) + 1 : 0
    return [
      { stream: 'events.day2', key: host.key, value: hostEvent(done, host, result, now) },
      { stream: 'state.runs', key: `run/${run.id}/${host.host}`, value: result },
      ...(speaksFor(run, host, outcome, ledger)
        ? [verbEntry(run, host, { status: outcome, detail, refusals }, now)]
        : []),
    ]
  })
  return {
    run: done,
    entries: [
      ...entries,
      { stream: 'events.day2', key: run.id, value: runEvent(done, 'run_finished', now) },
      runEntry(done),
    ],
  }
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

/** A host that was left out says nothing of its VM when another run did or does something there. */
function speaksFor(run: Run, host: RunHost, outcome: HostResult['outcome'], ledger: LedgerView): boolean {
  if (host.uid === '') return false
  const last = ledger.verb(host.uid, run.verb)
  return outcome !== 'refused' || last === undefined || last.run === run.id || last.status === 'refused'
}

function overall(counts: Readonly<Record<string, number>>): RunOutcome {
  const known = Object.keys(counts)
  if (known.every(outcome => outcome === 'refused')) return 'refused'
  if (known.every(outcome => outcome === 'ok')) return 'ok'
  return known.every(outcome => outcome === 'unknown' || outcome === 'refused') ? 'unknown' : 'failed'
}

function refusalsOf(run: Run, host: RunHost, ledger: LedgerView): number {
  return ledger.verb(host.uid, run.verb)?.refusals ?? 0
}

function verbEntry(
  run: Run,
  host: RunHost,
  what: Pick<VerbRecord, 'status' | 'detail' | 'refusals'>,
  now: number,
): Entry {
  const value: VerbRecord = {
    schema: 1,
    kind: 'verb',
    uid: host.uid,
    host: host.host,
    verb: run.verb,
    run: run.id,
    asked_by: run.asked_by,
    at: now,
    ...what,
  }
  return { stream: 'state.runs', key: `vm/${host.uid}/${run.verb}`, value }
}
