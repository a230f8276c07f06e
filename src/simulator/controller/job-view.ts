import { NODE } from './discovery.ts'
import { pythonJson } from './python-json.ts'
import { elapsedOf, isUnfinished } from './records.ts'
import { isoTime } from './route.ts'
import { EXECUTION_ENVIRONMENT, INSTANCE_GROUP, REVISION } from './summary-fields.ts'
import { jobRelated, jobSummaryFields } from './job-links.ts'
import { hostStatusCounts } from './host-summary.ts'
import type { Job } from './job-records.ts'
import type { Call } from './route.ts'

/** Keys that a list leaves out. */
const DETAIL_ONLY = [
  'job_args',
  'job_cwd',
  'job_env',
  'result_traceback',
  'event_processing_finished',
  'host_status_counts',
  'playbook_counts',
  'custom_virtualenv',
] as const

/** Keys that the answers to launch and relaunch leave out. */
const NOT_YET = ['host_status_counts', 'playbook_counts', 'custom_virtualenv'] as const

/** A job as the API shows it: all 59 keys in detail, fewer in lists and in the answer to a launch. */
export function renderJob(call: Call, job: Job, shape: 'list' | 'detail' | 'launched'): { [key: string]: unknown } {
  const body = { ...identity(call, job), ...settings(job), ...progress(call, job) }
  if (shape === 'list') for (const key of DETAIL_ONLY) delete body[key]
  if (shape === 'launched') for (const key of NOT_YET) delete body[key]
  return body
}

function identity(call: Call, job: Job): { [key: string]: unknown } {
  return {
    id: job.id,
    type: 'job',
    url: `${call.base}jobs/${job.id}/`,
    related: jobRelated(call, job),
    summary_fields: jobSummaryFields(call, job),
    created: isoTime(job.created),
    modified: isoTime(job.modified),
    name: job.name,
    description: job.description,
  }
}

function settings(job: Job): { [key: string]: unknown } {
  return {
    job_type: job.job_type,
    inventory: job.inventory,
    project: job.project,
    playbook: job.playbook,
    scm_branch: job.scm_branch,
    forks: job.forks,
    limit: job.limit,
    verbosity: job.verbosity,
    extra_vars: shownVariables(job),
    job_tags: job.job_tags,
    force_handlers: false,
    skip_tags: job.skip_tags,
    start_at_task: '',
    timeout: job.timeout,
    use_fact_cache: job.use_fact_cache,
    organization: job.organization,
    unified_job_template: job.job_template,
    launch_type: job.launch_type,
    job_template: job.job_template,
    passwords_needed_to_start: [],
    allow_simultaneous: job.allow_simultaneous,
    diff_mode: job.diff_mode,
    job_slice_number: 0,
    job_slice_count: job.job_slice_count,
    webhook_service: '',
    webhook_credential: null,
    webhook_guid: '',
    custom_virtualenv: null,
    work_unit_id: null,
  }
}

function progress(call: Call, job: Job): { [key: string]: unknown } {
  const { id, username } = call.store.users.must(job.created_by)
  return {
    status: job.status,
    failed: job.failed,
    started: isoTime(job.started),
    finished: isoTime(job.finished),
    canceled_on: isoTime(job.canceled_on),
    elapsed: elapsedOf(job, call.now),
    job_env: {},
    job_explanation: job.job_explanation,
    event_processing_finished: job.event_processing_finished,
    launched_by: { id, name: username, type: 'user', url: `${call.base}users/${id}/` },
    host_status_counts: hostStatusCounts(job),
    ...execution(call, job),
    ...result(job),
  }
}

/** Where and with what a job runs: all empty until it does. */
function execution({ store }: Call, job: Job): { [key: string]: unknown } {
  const ran = job.started !== null
  const fromGit = ran && store.projects.get(job.project)?.scm_type === 'git'
  return {
    execution_environment: ran ? EXECUTION_ENVIRONMENT.id : null,
    job_args: ran ? pythonJson(commandLine(job)) : '',
    job_cwd: ran ? '/runner/project' : '',
    execution_node: ran ? NODE : '',
    controller_node: ran ? NODE : '',
    scm_revision: fromGit ? REVISION : '',
    instance_group: ran ? INSTANCE_GROUP.id : null,
  }
}

function result({ status, run }: Job): { [key: string]: unknown } {
  const done = !isUnfinished({ status })
  return {
    result_traceback: done ? (run?.result_traceback ?? '') : '',
    artifacts: done ? (run?.artifacts ?? {}) : {},
    playbook_counts: run?.played === true ? { play_count: 1, task_count: 4 } : { play_count: 0, task_count: 0 },
  }
}

/** Password answers are stored and run, but shown as `$encrypted$`. */
export function shownVariables(job: Job): string {
  const hidden = Object.fromEntries(job.hidden_vars.map(name => [name, '$encrypted$']))
  return pythonJson({ ...hidden, ...job.extra_vars, ...hidden })
}

function commandLine(job: Job): string[] {
  const limit = job.limit === '' ? [] : ['-l', job.limit]
  const skip = job.skip_tags === '' ? [] : [`--skip-tags=${job.skip_tags}`]
  return [
    'ansible-playbook',
    '-u',
    'root',
    ...limit,
    ...skip,
    '-i',
    '/runner/inventory/hosts',
    '-e',
    '@/runner/env/extravars',
    job.playbook,
  ]
}
