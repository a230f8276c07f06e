import { UNBEGUN } from './new-run.ts'
import type { HaltedHost, Run } from './run.ts'
import { hasNextStep, type RunStep } from './run-step.ts'

/**
 * Where a run goes when the job that it is at has ended, or was not launched. Pure. `results`: of each of its hosts and of those it left
 * out; `steps`: with what the present one came to.
 *
 * it has no step after this one | null: the run ends
 * no host ended ok              | null: the run ends
 * else                          | the run at its next step, with the hosts that ended ok; the others are halted
 *
 * A run that somebody cancelled, or whose job went astray, goes to its next step too, where nothing is launched any more: it is said of each
 * host what was not done.
 */
export function afterStep(
  run: Run,
  results: readonly HaltedHost[],
  steps: readonly RunStep[],
  now: number,
): Run | null {
  if (!hasNextStep(run)) return null
  const ok = new Set(results.flatMap(({ host, outcome }) => (outcome === 'ok' ? [host] : [])))
  const hosts = run.hosts.filter(({ host }) => ok.has(host))
  if (hosts.length === 0) return null
  const { launched_at: _launched, unread_at: _unread, job_pending: _pending, stuck_at: _stuck, ...rest } = run
  const step = (run.step ?? 0) + 1
  return {
    ...rest,
    ...UNBEGUN,
    since: now,
    steps,
    step,
    step_at: now,
    template: steps[step]?.template ?? '',
    hosts,
    halted: [...(run.halted ?? []), ...results.filter(({ host }) => !ok.has(host))],
  }
}
