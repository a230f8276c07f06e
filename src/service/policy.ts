import type { Config } from '../config/index.ts'
import type { Caps, Onlooking, Policy, VerbPolicy } from '../day2/index.ts'

/** The policy for what starts by itself, which is the onboarding of new guests. */
export function onboardPolicy(config: Config): Policy {
  const { verbs, dispatch } = config
  return {
    verb: 'onboard',
    ...verbs.onboard,
    coalesceMs: dispatch.coalesce_seconds * 1000,
    maxHosts: dispatch.max_hosts_per_job,
    maxJobs: dispatch.max_jobs,
    caps: capsOf(config),
    brake: { hosts: dispatch.brake.hosts, perMs: dispatch.brake.per_seconds * 1000 },
  }
}

/**
 * The policy of each verb, by its name. A verb that needs the VM alone (not the guest) runs on `controller.beside_inventory`; where none is
 * configured, every verb needs the guest.
 */
export function verbPolicies({ verbs, controller }: Config): ReadonlyMap<string, VerbPolicy> {
  const isBeside = controller !== undefined && controller.beside_inventory !== ''
  return new Map(
    Object.entries(verbs).map(([verb, how]) => [verb, { ...how, needs: isBeside ? how.needs : 'guest' }] as const),
  )
}

/** How much may be in flight at once. */
export function capsOf({ dispatch }: Config): Caps {
  return {
    jobs: dispatch.max_jobs,
    jobsPerTemplate: dispatch.max_jobs_per_template,
    hostsPerCluster: dispatch.max_hosts_per_cluster,
    hostsPerNode: dispatch.max_hosts_per_node,
  }
}

/** How often jobs that others launched are looked for, and which verb a job template does: by its name, also those in `verbs.*.also`; that of a
 * step does none by itself. */
export function onlookingOf({ verbs, dispatch }: Config): Onlooking {
  const each = Object.entries(verbs)
  return {
    everyMs: dispatch.look_seconds * 1000,
    verbs: new Map(
      each.flatMap(([verb, { template, steps, also }]) =>
        [...(steps === undefined ? [template] : []), ...also].map(name => [name, verb] as const),
      ),
    ),
    rulebooks: new Set(each.flatMap(([verb, { driver }]) => (driver === 'eda' ? [verb] : []))),
    launching: each.flatMap(([, { driver, template, organization }]) =>
      driver === 'eda' ? [{ template, organization }] : [],
    ),
  }
}
