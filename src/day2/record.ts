import { MAX_HOSTS } from '../aap/index.ts'
import type { Entry } from '../log/index.ts'
import { hostEvent, runEvent } from './event.ts'
import type { LedgerView } from './ledger.ts'
import {
  type HostResult,
  type Run,
  type RunHost,
  type RunOutcome,
  SELF,
  type Verb,
  type VerbRecord,
  withoutLarge,
  withoutSecrets,
} from './run.ts'

/** The entries that make a new intent durable: the run, and that its verb runs on each of its VMs. */
export function planned(run: Run, ledger: LedgerView, now: number): readonly Entry[] {
  const { verb } = run
  if (verb === '' || run.check === true) return [runEntry(run)]
  const running = run.hosts.map(host => {
    const last = ledger.verb(host.uid, verb)
    const record: VerbRecord = { ...verbRecord(run, verb, host, now), refusals: last?.refusals ?? 0 }
    return verbEntry(record, lastThatRan(last))
  })
  return [runEntry(run), ...running]
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

/** The entries of a job that runs: what was asked for is now being done. */
export function started(run: Run, now: number): readonly Entry[] {
  return [{ stream: 'events.day2', key: run.id, value: runEvent(run, 'run_started', now) }, runEntry(run)]
}

type Outcome = Pick<HostResult, 'outcome' | 'detail' | 'returned'>

/** Outcomes by host name; a host without one is `unknown`. */
export type Outcomes = ReadonlyMap<string, Outcome>

/** How the detail of each host of a dry run begins. */
export const DRY = 'dry run: '

/**
 * The end of a run: exactly one outcome for each host that was asked for, those left out included. Gives the finished run and the
 * entries that record it: an event and a result for each host, what its verb came to, and the run itself last. `nowhere`: the outcome of
 * a run that was about no host.
 */
export function finished(
  run: Run,
  outcomes: Outcomes,
  message: string,
  around: { ledger: LedgerView; now: number; nowhere?: RunOutcome },
): { run: Run; entries: readonly Entry[] } {
  const { ledger, now, nowhere = 'refused' } = around
  const became: readonly (Outcome & { readonly host: RunHost })[] = [
    ...run.hosts.map(host => ({
      host,
      ...(outcomes.get(host.host) ?? { outcome: 'unknown' as const, detail: 'nothing is known of it' }),
    })),
    ...run.left_out.map(host => ({ host, outcome: 'refused' as const, detail: host.reason })),
  ]
  // Said wherever an outcome is: "ok" of a dry run did nothing.
  const results = run.check === true ? became.map(one => ({ ...one, detail: `${DRY}${one.detail}` })) : became
  const counts: Record<string, number> = {}
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1
  const done: Run = {
    ...withoutSecrets(withoutLarge(run)),
    status: 'finished',
    since: now,
    finished_at: now,
    counts,
    message,
    outcome: results.length === 0 ? nowhere : overall(counts),
  }
  // Of jobs of others only those that do a verb are told host by host: the others are no news of a VM.
  const entries = (run.verb === '' ? [] : results).flatMap(({ host, outcome, detail, returned }): Entry[] => {
    const result: HostResult = {
      schema: 1,
      kind: 'host',
      run: run.id,
      host: host.host,
      uid: host.uid,
      outcome,
      detail,
      at: now,
      ...(returned === undefined ? {} : { returned }),
    }
    return [
      { stream: 'events.day2', key: host.key, value: hostEvent(done, host, result, now) },
      { stream: 'state.runs', key: `run/${run.id}/${host.host}`, value: result },
      ...verbAfter(run, host, result, ledger),
    ]
  })
  return {
    run: done,
    entries: [
      ...entries,
      { stream: 'events.day2', key: run.id, value: runEvent(done, 'run_finished', now) },
      // Every host has its result; the run of a job of others need not name thousands of them.
      runEntry({ ...done, hosts: done.hosts.slice(0, MAX_HOSTS) }),
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

/** The entries that forget what verbs did to VMs that are long gone; the day-2 stream still tells it. */
export function buried(verbs: readonly VerbRecord[]): readonly Entry[] {
  return verbs.map(({ uid, verb }) => ({ stream: 'state.runs', key: `vm/${uid}/${verb}`, value: null }))
}

/**
 * What a verb came to on one host. Of a refusal only the run that was planned on the VM speaks, and it leaves what ran there before: an
 * incarnation that was onboarded stays so. Refusals are counted for what starts by itself alone.
 */
function verbAfter(run: Run, host: RunHost, result: HostResult, ledger: LedgerView): readonly Entry[] {
  const { verb } = run
  // One that only looked did nothing to it.
  if (host.uid === '' || verb === '' || run.check === true) return []
  const { outcome: status, detail, at } = result
  const record = { ...verbRecord(run, verb, host, at), status, detail }
  const last = ledger.verb(host.uid, verb)
  if (status !== 'refused') {
    if (isOlder(run, last, ledger)) return []
    // Others may launch two at once on a VM: what ends first is no news of what still runs.
    const another = last !== undefined && last.run !== run.id && last.status === 'running'
    return [another ? verbEntry(last, record) : verbEntry(record)]
  }
  if (last?.run !== run.id) return []
  const ran = lastThatRan(last)
  return [verbEntry(ran ?? { ...record, refusals: last.refusals + (run.asked_by === SELF ? 1 : 0) })]
}

/** Runs of others that were first seen within this time were seen by the same look. */
const SAME_LOOK_MS = 60_000

/**
 * Whether a job of others began before the one that spoke last of this VM. Those that ran while nobody looked end in any order here, and
 * the ids of jobs tell theirs; only within one look, as a controller that is set up anew counts from the beginning.
 */
function isOlder(run: Run, last: VerbRecord | undefined, ledger: LedgerView): boolean {
  const other = last === undefined || last.run === run.id ? undefined : ledger.runs.get(last.run)
  if (run.external === undefined || other?.external === undefined || other.job === null || run.job === null)
    return false
  return other.job.id > run.job.id && Math.abs(other.created_at - run.created_at) < SAME_LOOK_MS
}

/** What to go back to when nothing runs after all. */
function lastThatRan(last: VerbRecord | undefined): VerbRecord | undefined {
  return last === undefined || last.status === 'refused' || last.status === 'running' ? last?.before : last
}

function overall(counts: Readonly<Record<string, number>>): RunOutcome {
  const known = Object.keys(counts)
  if (known.every(outcome => outcome === 'refused')) return 'refused'
  if (known.every(outcome => outcome === 'ok')) return 'ok'
  return known.every(outcome => outcome === 'unknown' || outcome === 'refused') ? 'unknown' : 'failed'
}

function verbRecord(run: Run, verb: Verb, host: RunHost, at: number): VerbRecord {
  const { id, asked_by } = run
  const { uid } = host
  return {
    schema: 1,
    kind: 'verb',
    uid,
    host: host.host,
    verb,
    run: id,
    asked_by,
    at,
    status: 'running',
    detail: '',
    refusals: 0,
  }
}

function verbEntry(record: VerbRecord, before?: VerbRecord): Entry {
  const value: VerbRecord = before === undefined ? record : { ...record, before }
  return { stream: 'state.runs', key: `vm/${record.uid}/${record.verb}`, value }
}
