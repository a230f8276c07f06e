import { mayCancelJob, mayReadJob } from './access.ts'
import { cancel, jobColumns } from './jobs.ts'
import { shownVariables } from './job-view.ts'
import { listReply } from './page.ts'
import { elapsedOf, isUnfinished } from './records.ts'
import { byId, forbidden, isoTime, noMatch, ok, relatedOf } from './route.ts'
import { inventorySummary, labelsSummary, organizationSummary, userSummary } from './summary-fields.ts'
import type { Job } from './job-records.ts'
import type { Call, Reply, Route } from './route.ts'

/**
 * What a sliced launch makes in place of a job. The simulator runs it as one job over all its hosts; slices of their own, workflow templates
 * and nodes are not simulated.
 */
export const workflowJobRoutes: readonly Route[] = [
  { path: 'workflow_jobs/', allow: 'GET, HEAD, OPTIONS', get: getWorkflowJobs },
  {
    path: 'workflow_jobs/:id/',
    allow: 'GET, DELETE, HEAD, OPTIONS',
    get: call => ok(renderWorkflowJob(call, readable(call))),
  },
  {
    path: 'workflow_jobs/:id/cancel/',
    allow: 'GET, POST, HEAD, OPTIONS',
    get: call => ok({ can_cancel: isUnfinished(readable(call)) }),
    post: postCancel,
  },
]

function readable(call: Call): Job {
  const job = byId(call, call.store.jobs, 'WorkflowJob')
  if (job.type !== 'workflow_job') throw noMatch('WorkflowJob')
  if (!mayReadJob(call.store, call.user, job)) throw forbidden()
  return job
}

function getWorkflowJobs(call: Call): Reply {
  const { store, user } = call
  // A workflow job keeps its prompts elsewhere, so these are no columns of it.
  const { limit: _limit, skip_tags: _skip, job_tags: _tags, ...columns } = jobColumns(store)
  return listReply(call, {
    model: 'WorkflowJob',
    rows: store.jobs.filter(job => job.type === 'workflow_job' && mayReadJob(store, user, job)),
    columns,
    render: job => renderWorkflowJob(call, job),
  })
}

function postCancel(call: Call): Reply {
  const job = readable(call)
  if (!mayCancelJob(call.store, call.user, job)) throw forbidden()
  cancel(call, job)
  return { status: 202 }
}

/** It has no `event_processing_finished`. */
export function renderWorkflowJob(call: Call, job: Job): { [key: string]: unknown } {
  const { base, store } = call
  const url = `${base}workflow_jobs/${job.id}/`
  const template = store.templates.get(job.job_template)
  const user = store.users.must(job.created_by)
  const named = { id: job.job_template, name: job.name, description: template?.description ?? '' }
  return {
    id: job.id,
    type: 'workflow_job',
    url,
    related: {
      created_by: `${base}users/${user.id}/`,
      modified_by: `${base}users/${user.id}/`,
      unified_job_template: `${base}job_templates/${job.job_template}/`,
      job_template: `${base}job_templates/${job.job_template}/`,
      ...relatedOf(url, ['workflow_nodes', 'labels', 'activity_stream', 'relaunch', 'cancel']),
    },
    summary_fields: {
      organization: organizationSummary(store, job.organization),
      inventory: inventorySummary(store, job.inventory),
      job_template: named,
      unified_job_template: { ...named, unified_job_type: 'job' },
      created_by: userSummary(store, user.id),
      modified_by: userSummary(store, user.id),
      user_capabilities: { delete: true, start: true },
      labels: labelsSummary(store, job.labels),
    },
    created: isoTime(job.created),
    modified: isoTime(job.modified),
    name: job.name,
    description: job.description,
    unified_job_template: job.job_template,
    launch_type: job.launch_type,
    status: job.status,
    failed: job.failed,
    started: isoTime(job.started),
    finished: isoTime(job.finished),
    canceled_on: isoTime(job.canceled_on),
    elapsed: elapsedOf(job, call.now),
    job_args: '',
    job_cwd: '',
    job_env: {},
    job_explanation: job.job_explanation,
    result_traceback: '',
    launched_by: { id: user.id, name: user.username, type: 'user', url: `${base}users/${user.id}/` },
    work_unit_id: null,
    workflow_job_template: null,
    extra_vars: shownVariables(job),
    allow_simultaneous: job.allow_simultaneous,
    job_template: job.job_template,
    is_sliced_job: true,
    inventory: job.inventory,
    limit: job.limit,
    scm_branch: job.scm_branch,
    webhook_service: '',
    webhook_credential: null,
    webhook_guid: '',
    skip_tags: job.skip_tags,
    job_tags: job.job_tags,
  }
}
