import { type Day2EventData, type Day2Fact, envelope, type Event, factId } from '../event/index.ts'
import type { HostResult, Run, RunHost } from './run.ts'

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
  const data = dataOf(run, fact, now)
  return envelope({
    kind: 'day2',
    id: factId('', run.id, fact, []),
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

function dataOf(run: Run, fact: Day2Fact, now: number): Day2EventData {
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
