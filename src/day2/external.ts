import { v5 as uuid5 } from 'uuid'
import { intentIn, type Job } from '../aap/index.ts'
import type { FleetView } from '../fleet/index.ts'
import { plainText } from '../event/index.ts'
import { groundsAtController } from './grounds.ts'
import type { LedgerView } from './ledger.ts'
import { runHost } from './admission.ts'
import { newRun } from './new-run.ts'
import type { Run, RunHost, Verb } from './run.ts'
import { intentOf, intentsOf } from './run-step.ts'

/** The namespace of the ids of runs that others launched. */
const OTHERS = '5b0a2f6e-0b1c-5e8e-9d39-6f2f0d8b8a10'
/** Names that mean no VM. The second is the limit that our templates have by default. */
const NOBODY = new Set(['localhost', '127.0.0.1', 'virtbridge-no-default-limit'])

/** Which hosts of ours a job may run on, by its limit. */
export interface Reach {
  /** All that it may reach, when they are known one by one. */
  readonly hosts: readonly RunHost[]
  /** It can not be told apart: it may run on any. */
  readonly whole: boolean
}

/**
 * What a limit reaches. Pure. Only names of VMs are told apart: an empty limit, groups, patterns, `!`, `&` and names that nobody has may
 * mean any host.
 */
export function reachOf(limit: string, fleet: Pick<FleetView, 'byHost'>): Reach {
  const terms = limit
    .split(/[,:]/)
    .map(term => term.trim())
    .filter(term => term !== '')
  const hosts: RunHost[] = []
  for (const term of new Set(terms)) {
    if (NOBODY.has(term)) continue
    const record = fleet.byHost(term)
    if (record === undefined) return { hosts: [], whole: true }
    hosts.push(runHost(record))
  }
  return { hosts, whole: terms.length === 0 }
}

/**
 * Whether somebody else launched a job: it is not on our record, nor is it what a launch of ours waits to hear of. A marker alone proves
 * nothing, who launches by hand may write any: of ours that are on no record only those are left out that run no more.
 */
export function isExternal(job: Job, ledger: Pick<LedgerView, 'ofJob' | 'ofIntent'>): boolean {
  const known = ledger.ofJob(job.id)
  if (known?.external !== undefined) return true
  const intent = intentIn(job.skipTags)
  // A controller that is set up anew gives the same ids again.
  const isAtIt = known?.job?.id === job.id && (known.status !== 'finished' || known.astray !== '')
  if (isAtIt || (known !== undefined && intentsOf(known).includes(intent))) return false
  if (intent === '' || job.launchType !== 'manual') return true
  const run = ledger.ofIntent(intent)
  const isExpected = run !== undefined && run.status !== 'finished' && run.job === null && intentOf(run) === intent
  return !isExpected && !job.ended
}

/** The id of the run of a job that others launched: the same at every look. Ids of jobs begin anew at a controller that is set up anew. */
export function externalId(job: Pick<Job, 'id' | 'created'>): string {
  return uuid5(`${job.created} ${job.id}`, OTHERS)
}

/** The verb of a template by which people run a play without virtbridge (deploy/aap): `Break glass | Ssh Keys` does ssh_keys. */
function breakGlassVerb(template: string): Verb {
  const title = /^Break glass \| ([A-Z][a-z0-9]*(?: [A-Z0-9][a-z0-9]*)*)$/.exec(template)?.[1] ?? ''
  return title.toLowerCase().replaceAll(' ', '_')
}

/** The run of a job that others launched. `verbs`: what job templates are known to do. Pure. */
export function externalRun(
  job: Job,
  around: {
    fleet: Pick<FleetView, 'byHost'>
    verbs: ReadonlyMap<string, Verb>
    reason: string
    ledger?: Pick<LedgerView, 'ofIntent'>
  },
  now: number,
): Run {
  const { hosts, whole } = reachOf(job.limit, around.fleet)
  const by = plainText(job.launchedBy)
  const intent = intentIn(job.skipTags)
  const wish = {
    id: externalId(job),
    verb: around.verbs.get(job.name) ?? breakGlassVerb(job.name),
    template: plainText(job.name),
    askedBy: `controller:${by}`,
    reason: job.breakGlass === undefined ? around.reason : plainText(`break glass: ${job.breakGlass}`),
    grounds: groundsAtController(by, job.launchType),
    hosts,
  }
  return {
    ...newRun(wish, now),
    schema: 2,
    status: 'following',
    inventory_id: job.inventory ?? 0,
    template_id: job.template ?? 0,
    ...(job.check === true ? { check: true } : {}),
    job: { id: job.id, url: job.url },
    external: {
      by,
      launch_type: job.launchType,
      limit: plainText(job.limit),
      whole,
      copy_of: around.ledger?.ofIntent(intent)?.id ?? intent,
    },
  }
}

/**
 * From which id on to look next. Ids are given before jobs are committed, so one may appear below others that are there: what was created
 * within `lateMs` before the newest, by the controller's own clock, is looked at again. Pure.
 */
export function lookFrom(
  jobs: readonly Pick<Job, 'id' | 'created'>[],
  more: boolean,
  after: number,
  lateMs: number,
): number {
  const newest = Math.max(...jobs.map(job => Date.parse(job.created)))
  const settled = jobs.filter(job => Date.parse(job.created) < newest - lateMs).map(job => job.id)
  const from = Math.max(after, ...settled)
  // So many at once that none is settled: those that come late among them are lost, or nothing more would ever be seen.
  return more && from === after ? Math.max(after, ...jobs.map(job => job.id)) : from
}
