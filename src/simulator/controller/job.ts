import { nextId } from './store.ts'
import { requestUpdate } from './inventory-update.ts'
import type { Job, JobSettings, JobTemplate } from './job-records.ts'
import type { Call } from './route.ts'

/** The settings of a template, or of the job that is to be run again, alone. */
export function settingsOf(from: JobSettings): JobSettings {
  return {
    job_type: from.job_type,
    inventory: from.inventory,
    scm_branch: from.scm_branch,
    forks: from.forks,
    limit: from.limit,
    verbosity: from.verbosity,
    job_tags: from.job_tags,
    skip_tags: from.skip_tags,
    timeout: from.timeout,
    diff_mode: from.diff_mode,
    job_slice_count: from.job_slice_count,
    execution_environment: from.execution_environment,
    credentials: from.credentials,
    labels: from.labels,
    instance_groups: from.instance_groups,
  }
}

export type NewJob = Pick<Job, 'extra_vars' | 'launch_type' | 'type' | 'workflow'> & { settings: JobSettings }

/** Makes a job, pending, and the inventory updates that its inventory's sources want before it. */
export function createJob(
  { store, user, now }: Pick<Call, 'store' | 'user' | 'now'>,
  template: JobTemplate,
  { settings, ...rest }: NewJob,
): Job {
  const asked = template.survey_enabled ? template.survey : []
  const passwords = asked.filter(({ type }) => type === 'password').map(({ variable }) => variable)
  const job: Job = {
    ...settings,
    ...rest,
    id: nextId(store, 'run'),
    name: template.name,
    description: template.description,
    organization: template.organization,
    project: template.project,
    playbook: template.playbook,
    hidden_vars: passwords.filter(name => name in rest.extra_vars),
    job_template: template.id,
    allow_simultaneous: template.allow_simultaneous,
    use_fact_cache: template.use_fact_cache,
    created_by: user.id,
    status: 'pending',
    failed: false,
    created: now,
    modified: now,
    blocked: false,
    eligible_at: now,
    waiting_since: null,
    depends_on: [],
    started: null,
    finished: null,
    canceled_on: null,
    cancel_at: null,
    job_explanation: '',
    event_processing_finished: false,
    run: null,
  }
  store.jobs.add(job)
  for (const source of store.sources.filter(each => each.inventory === job.inventory && each.update_on_launch)) {
    const last = store.updates.get(source.last_update)
    const fresh = last?.status === 'successful' && now - (last.finished ?? 0) <= source.update_cache_timeout * 1000
    if (fresh) continue
    // Launches that come while such an update waits share it.
    const shared = store.updates.find(
      each => each.inventory_source === source.id && each.launch_type === 'dependency' && each.status === 'pending',
    )
    job.depends_on.push(
      (shared ?? requestUpdate(store, source, { now, launch_type: 'dependency', created_by: null })).id,
    )
  }
  return job
}
