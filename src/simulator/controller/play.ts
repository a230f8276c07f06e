import { messageOf } from '../../errors.ts'
import { selectHosts } from './limit.ts'
import { hostsOf, membership } from './store.ts'
import type { OutcomeOf } from './outcome.ts'
import type { Host, Variables } from './records.ts'
import type { HostResult, Job, Run } from './job-records.ts'
import type { Store } from './store.ts'

/** Linux runs no command with an argument this long, and a limit is one argument. */
const MAX_ARGUMENT = 131_072

const NO_HOSTS = '[ERROR]: Specified inventory, host pattern and/or --limit leaves us with no hosts to target.'

const MESSAGES = {
  ok: '',
  changed: '',
  failed: 'non-zero return code',
  unreachable: 'Failed to connect to the host via ssh: Connection timed out',
} as const

/**
 * Runs a job in one go: which hosts, how each fares, and when it ends.
 *
 * inventory or limit                | outcome
 * no enabled host at all            | successful, on no host
 * limit without a match             | failed, on no host
 * limit that matches some           | those alone; the others are not mentioned again
 * limit of 128 KiB or more          | error: the program can not be started
 */
export function play(store: Store, job: Job, outcomeOf: OutcomeOf, timing: { now: number; playMs: number }): Run {
  const empty: Run = {
    ends_at: timing.now + 1000,
    status: 'successful',
    results: [],
    played: false,
    artifacts: {},
    job_explanation: '',
    result_traceback: '',
    stdout: '',
  }
  const hosts = hostsOf(store, job.inventory ?? 0).filter(({ enabled }) => enabled)
  if (job.limit.length >= MAX_ARGUMENT) {
    return {
      ...empty,
      status: 'error',
      result_traceback: "OSError: [Errno 7] Argument list too long: 'ansible-playbook'",
    }
  }
  if (hosts.length === 0) return { ...empty, stdout: '\nPLAY [all] ***\nskipping: no hosts matched\n' }
  const selection = select(store, job, hosts)
  if (typeof selection === 'string') return { ...empty, status: 'failed', stdout: selection }
  return run(job, selection, outcomeOf, timing)
}

type Selected = { hosts: Host[]; warnings: string }

function select(store: Store, job: Job, hosts: Host[]): Selected | string {
  try {
    const fleet = { hosts: hosts.map(({ name }) => name), groups: membership(store, job.inventory ?? 0) }
    const { hosts: names, unmatched } = selectHosts(job.limit, fleet)
    const warnings = unmatched
      .map(name => `[WARNING]: Could not match supplied host pattern, ignoring: ${name}\n`)
      .join('')
    if (names.length === 0) return `${warnings}${NO_HOSTS}\n`
    const chosen = new Set(names)
    return { hosts: hosts.filter(({ name }) => chosen.has(name)), warnings }
  } catch (error) {
    return `[ERROR]: ${messageOf(error)}\n`
  }
}

function run(
  job: Job,
  { hosts, warnings }: Selected,
  outcomeOf: OutcomeOf,
  { now, playMs }: { now: number; playMs: number },
): Run {
  const results: HostResult[] = []
  const artifacts: Variables = {}
  let longest = 0
  for (const host of hosts) {
    const answer = outcomeOf(host.name, host.variables, job.name, job)
    const {
      outcome,
      ms = playMs,
      message,
      artifacts: brought,
    } = typeof answer === 'string' ? { outcome: answer } : answer
    longest = Math.max(longest, outcome === 'hang' ? Infinity : ms)
    Object.assign(artifacts, brought)
    if (outcome !== 'hang') {
      results.push({
        host: host.id,
        host_name: host.name,
        outcome,
        message: message ?? MESSAGES[outcome],
        at: now + ms,
      })
    }
  }
  const failed = results.some(({ outcome }) => outcome === 'failed' || outcome === 'unreachable')
  return {
    ends_at: longest === Infinity ? null : now + longest,
    status: failed ? 'failed' : 'successful',
    results,
    played: true,
    artifacts,
    job_explanation: '',
    result_traceback: '',
    stdout: `${warnings}\nPLAY [all] ***\n\nPLAY RECAP ***\n${results.map(({ host_name, outcome }) => `${host_name} : ${outcome}\n`).join('')}`,
  }
}
