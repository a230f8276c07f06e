import { type Day2EventData, type Day2Fact, envelope, type Event, factId } from '../event/index.ts'
import type { HostResult, Run, RunHost } from './run.ts'
import { isLaterStep, stepOf } from './run-step.ts'

const HOST_FACTS: Readonly<Record<HostResult['outcome'], Day2Fact>> = {
  ok: 'host_succeeded',
  failed: 'host_failed',
  unreachable: 'host_unreachable',
  missing: 'host_missing',
  unknown: 'host_unknown',
  refused: 'launch_refused',
}

/** The event of something that became true of a run as a whole. */
export function runEvent(run: Run, fact: Day2Fact, now: number): Event<Day2EventData> {
  const plain = dataOf(run, fact, now)
  const data = { ...plain, run: { ...plain.run, ...stepsOf(run) } }
  return envelope({
    kind: 'day2',
    // Each of its jobs may stand still; that of the first step has the id that a run of one job has.
    id: factId('', run.id, fact, fact === 'run_stuck' && isLaterStep(run) ? [stepOf(run)?.name ?? ''] : []),
    fact,
    cluster: { name: '', hub: '' },
    subject: run.id,
    at: now,
    data,
  })
}

/** The event of what became of one host of a run. */
export function hostEvent(run: Run, host: RunHost, result: HostResult, now: number): Event<Day2EventData> {
  const fact = HOST_FACTS[result.outcome]
  const data = {
    ...dataOf(run, fact, now),
    host: host.host,
    vm_uid: host.uid,
    outcome: result.outcome,
    reason: result.detail,
  }
  // A host that is no VM (a person may ask for anything) has no cluster, and its name for an identity.
  const cluster = { name: host.uid === '' ? '' : (host.key.split('/')[0] ?? ''), hub: '' }
  return envelope({
    kind: 'day2',
    id: factId('', run.id, fact, [host.uid || host.host]),
    fact,
    cluster,
    // What a person asked for may be no name at all; a subject is never empty.
    subject: host.key || run.id,
    at: now,
    data,
  })
}

/** Where a run is in its steps, and what each came to; nothing of a run that is one job. */
function stepsOf({ steps }: Run): Pick<Day2EventData['run'], 'steps'> {
  if (steps === undefined) return {}
  const told = steps.map(({ name, template, state, job, started_at, ended_at }) => ({
    name,
    template,
    state,
    job: job?.id ?? 0,
    started_at: instant(started_at),
    ended_at: instant(ended_at),
  }))
  return { steps: told }
}

function instant(at: number): string {
  return at === 0 ? '' : new Date(at).toISOString()
}

function dataOf(run: Run, fact: Day2Fact, now: number): Day2EventData {
  const step = stepOf(run)
  return {
    schema_version: 1,
    time_epoch: Math.floor(now / 1000),
    fact,
    run: {
      id: run.id,
      verb: run.verb,
      template: run.template,
      asked_by: run.asked_by,
      status: run.outcome || run.status,
      check: run.check === true,
      asked_because: run.reason,
      trigger: run.trigger ?? '',
      allowed_by: run.allowed_by ?? '',
      attempts: run.attempts,
      ...(step === undefined ? {} : { step: step.name }),
    },
    job: run.job ?? { id: 0, url: '' },
    host: '',
    vm_uid: '',
    outcome: run.outcome,
    hosts: run.hosts.length,
    counts: run.counts,
    reason: run.reason,
    message: run.message,
  }
}
