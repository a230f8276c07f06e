import type { Entry } from '../log/index.ts'
import type { LedgerView } from './ledger.ts'
import { type HostResult, type Run, type RunHost, SELF, type Verb, type VerbRecord } from './run.ts'

/** The entries that say that the verb of a run runs on each of its VMs; none of a dry run, and of a job that is not known to do one. */
export function verbBegun(run: Run, ledger: LedgerView, now: number): readonly Entry[] {
  const { verb } = run
  if (verb === '' || run.check === true) return []
  return run.hosts.map(host => {
    const last = ledger.verb(host.uid, verb)
    const record: VerbRecord = { ...verbRecord(run, verb, host, now), refusals: last?.refusals ?? 0 }
    return verbEntry(record, lastThatRan(last))
  })
}

/**
 * What a verb came to on one host. Of a refusal only the run that was planned on the VM speaks, and it leaves what ran there before: an
 * incarnation that was onboarded stays so. Refusals are counted for what starts by itself alone.
 */
export function verbAfter(run: Run, host: RunHost, result: HostResult, ledger: LedgerView): readonly Entry[] {
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

/** The entries that forget what verbs did to VMs that are long gone; the day-2 stream still tells it. */
export function buried(verbs: readonly VerbRecord[]): readonly Entry[] {
  return verbs.map(({ uid, verb }) => ({ stream: 'state.runs', key: `vm/${uid}/${verb}`, value: null }))
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
