import { mayCancelJob, mayLaunch } from './access.ts'
import { relatedOf } from './route.ts'
import {
  credentialsSummary,
  EXECUTION_ENVIRONMENT,
  INSTANCE_GROUP,
  inventorySummary,
  labelsSummary,
  organizationSummary,
  present,
  projectSummary,
  userSummary,
} from './summary-fields.ts'
import type { Job } from './job-records.ts'
import { elapsedOf } from './records.ts'
import type { Call } from './route.ts'

const RELATED = [
  'labels',
  'credentials',
  'stdout',
  'job_events',
  'job_host_summaries',
  'activity_stream',
  'notifications',
  'create_schedule',
  'cancel',
  'relaunch',
]

/** A job's `related`: what does not exist yet, or no more, has no link. */
export function jobRelated({ base, store }: Call, job: Job): unknown {
  const url = `${base}jobs/${job.id}/`
  const template = store.templates.get(job.job_template)
  const ran = job.started !== null
  return present({
    created_by: `${base}users/${job.created_by}/`,
    modified_by: ran ? undefined : `${base}users/${job.created_by}/`,
    ...relatedOf(url, RELATED),
    inventory: job.inventory === null ? undefined : `${base}inventories/${job.inventory}/`,
    project: job.project === null ? undefined : `${base}projects/${job.project}/`,
    organization: `${base}organizations/${job.organization}/`,
    unified_job_template: template && `${base}job_templates/${template.id}/`,
    source_workflow_job: job.workflow && `${base}workflow_jobs/${job.workflow.id}/`,
    execution_environment: ran ? `${base}execution_environments/1/` : undefined,
    job_template: template && `${base}job_templates/${template.id}/`,
  })
}

/** A job's `summary_fields`. */
export function jobSummaryFields({ base, store, user, now }: Call, job: Job): unknown {
  const template = store.templates.get(job.job_template)
  const ran = job.started !== null
  return present({
    organization: organizationSummary(store, job.organization),
    inventory: inventorySummary(store, job.inventory),
    execution_environment: ran ? EXECUTION_ENVIRONMENT : undefined,
    project: projectSummary(store, job.project),
    job_template: template && { id: template.id, name: template.name, description: template.description },
    unified_job_template: template && {
      id: template.id,
      name: template.name,
      description: template.description,
      unified_job_type: 'job',
    },
    instance_group: ran ? INSTANCE_GROUP : undefined,
    created_by: userSummary(store, job.created_by),
    modified_by: ran ? undefined : userSummary(store, job.created_by),
    user_capabilities: {
      delete: mayCancelJob(store, user, job),
      start: template !== undefined && mayLaunch(user, template),
    },
    labels: labelsSummary(store, job.labels),
    source_workflow_job: job.workflow && {
      ...job.workflow,
      description: '',
      status: job.status,
      failed: job.failed,
      elapsed: elapsedOf(job, now),
    },
    ancestor_job: job.workflow && {
      ...job.workflow,
      type: 'workflow_job',
      url: `${base}workflow_jobs/${job.workflow.id}/`,
    },
    credentials: credentialsSummary(store, job.credentials),
  })
}
