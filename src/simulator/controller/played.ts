import { hostsOf } from './store.ts'
import type { HostResult, Run } from './job-records.ts'
import type { Variables } from './records.ts'
import type { Store } from './store.ts'

/** How a play ended that was run for a job outside of the simulator: each host by name, and what `set_stats` left. */
export type PlayedElsewhere = {
  results: { [host: string]: HostResult['outcome'] }
  artifacts?: Variables
  stdout?: string
}

/** What a job came to, by the play that was run for it. A play that reached nobody has failed, as Ansible has it. */
export function runOf(
  store: Store,
  inventory: number,
  { results, artifacts = {}, stdout = '' }: PlayedElsewhere,
): Pick<Run, 'status' | 'results' | 'played' | 'artifacts' | 'stdout'> {
  const ids = new Map(hostsOf(store, inventory).map(({ name, id }) => [name, id]))
  const told = Object.entries(results).map(([name, outcome]) => ({
    host: ids.get(name) ?? 0,
    host_name: name,
    outcome,
    message: outcome === 'failed' ? 'a task failed' : '',
  }))
  const failed = told.length === 0 || told.some(({ outcome }) => outcome === 'failed' || outcome === 'unreachable')
  return { status: failed ? 'failed' : 'successful', results: told, played: told.length > 0, artifacts, stdout }
}
