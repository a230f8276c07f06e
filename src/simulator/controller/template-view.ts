import { mayLaunch } from './access.ts'
import { PROMPTS } from './job-records.ts'
import { namedUrl } from './named-url.ts'
import { objectRoles } from './project.ts'
import { isUnfinished } from './records.ts'
import { isoTime, relatedOf } from './route.ts'
import {
  credentialsSummary,
  EXECUTION_ENVIRONMENT,
  inventorySummary,
  labelsSummary,
  organizationSummary,
  present,
  projectSummary,
} from './summary-fields.ts'
import type { Job, JobTemplate } from './job-records.ts'
import type { Call } from './route.ts'
import type { Store } from './store.ts'

const RELATED = [
  'labels',
  'credentials',
  'jobs',
  'schedules',
  'activity_stream',
  'launch',
  'webhook_key',
  'notification_templates_started',
  'notification_templates_success',
  'notification_templates_error',
  'access_list',
  'survey_spec',
  'object_roles',
  'instance_groups',
  'slice_workflow_jobs',
  'copy',
]

function jobsOf(store: Store, template: JobTemplate): Job[] {
  return store.jobs.filter(job => job.job_template === template.id)
}

/** The status of a template is that of its current job, else of its last. */
export function templateStatus(store: Store, template: JobTemplate): string {
  const jobs = jobsOf(store, template)
  return (jobs.find(isUnfinished) ?? jobs.at(-1))?.status ?? 'never updated'
}

/** A job template as the API shows it. */
export function renderTemplate(call: Call, template: JobTemplate, detail: boolean): unknown {
  const { store } = call
  const jobs = jobsOf(store, template)
  const last = jobs.findLast(job => !isUnfinished(job))
  const {
    prompts,
    survey: _survey,
    credentials: _credentials,
    labels: _labels,
    instance_groups: _groups,
    created,
    ...settings
  } = template
  return {
    type: 'job_template',
    url: `${call.base}job_templates/${template.id}/`,
    related: templateRelated(call, template, jobs, detail),
    summary_fields: templateSummaryFields(call, template, jobs, detail),
    created: isoTime(created),
    modified: isoTime(created),
    ...settings,
    force_handlers: false,
    start_at_task: '',
    last_job_run: isoTime(last?.finished ?? null),
    last_job_failed: last?.failed ?? false,
    next_job_run: null,
    status: templateStatus(store, template),
    host_config_key: '',
    ...Object.fromEntries(PROMPTS.map(name => [`ask_${name}_on_launch`, prompts[name]])),
    custom_virtualenv: null,
    webhook_service: '',
    webhook_credential: null,
    prevent_instance_group_fallback: false,
  }
}

function templateRelated({ base, store }: Call, template: JobTemplate, jobs: Job[], detail: boolean): unknown {
  const url = `${base}job_templates/${template.id}/`
  const current = jobs.find(isUnfinished)
  const last = jobs.findLast(job => !isUnfinished(job))
  const organization = store.organizations.must(template.organization)
  return present({
    named_url: detail ? `${base}job_templates/${namedUrl(template.name, organization.name)}/` : undefined,
    ...relatedOf(url, RELATED),
    webhook_receiver: '',
    inventory: template.inventory === null ? undefined : `${base}inventories/${template.inventory}/`,
    project: template.project === null ? undefined : `${base}projects/${template.project}/`,
    organization: `${base}organizations/${template.organization}/`,
    current_job: current && `${base}jobs/${current.id}/`,
    last_job: last && `${base}jobs/${last.id}/`,
  })
}

function templateSummaryFields({ store, user }: Call, template: JobTemplate, jobs: Job[], detail: boolean): unknown {
  const current = jobs.find(isUnfinished)
  const last = jobs.findLast(job => !isUnfinished(job))
  const shortly = (job: Job | undefined): { [key: string]: unknown } | undefined =>
    job && { id: job.id, name: job.name, description: '', status: job.status, failed: job.failed }
  const launch = mayLaunch(user, template)
  return present({
    organization: organizationSummary(store, template.organization),
    inventory: inventorySummary(store, template.inventory),
    project: projectSummary(store, template.project),
    last_job: last && { ...shortly(last), finished: isoTime(last.finished) },
    last_update: shortly(last),
    current_update: shortly(current),
    current_job: shortly(current),
    object_roles: objectRoles('job template', ['admin', 'execute', 'read'], template.id),
    user_capabilities: {
      edit: user.is_superuser,
      delete: user.is_superuser,
      start: launch,
      schedule: launch,
      copy: user.is_superuser,
    },
    labels: labelsSummary(store, template.labels),
    resolved_environment: detail ? EXECUTION_ENVIRONMENT : undefined,
    survey: template.survey.length > 0 ? { title: '', description: '' } : undefined,
    recent_jobs: jobs
      .slice(-10)
      .reverse()
      .map(job => ({
        id: job.id,
        status: job.status,
        finished: isoTime(job.finished),
        canceled_on: isoTime(job.canceled_on),
        type: 'job',
      })),
    credentials: credentialsSummary(store, template.credentials),
  })
}
