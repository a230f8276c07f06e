import { mayLaunch, mayReadTemplate } from './access.ts'
import { PROMPTS } from './job-records.ts'
import { flagColumn, numberColumn, textColumn } from './filter.ts'
import { namedUrl, namedUrlParts } from './named-url.ts'
import { listReply } from './page.ts'
import { objectRoles } from './project.ts'
import { isUnfinished } from './records.ts'
import { forbidden, isoTime, noMatch, ok, relatedOf } from './route.ts'
import {
  credentialsSummary,
  EXECUTION_ENVIRONMENT,
  inventorySummary,
  labelsSummary,
  organizationSummary,
  present,
  projectSummary,
} from './summary-fields.ts'
import type { Columns } from './filter.ts'
import type { Job, JobTemplate } from './job-records.ts'
import type { Call, Reply, Route } from './route.ts'
import type { Store } from './store.ts'

export const templateRoutes: readonly Route[] = [
  { path: 'job_templates/', allow: 'GET, POST, HEAD, OPTIONS', get: call => listTemplates(call, 'JobTemplate') },
  {
    path: 'job_templates/:id/',
    allow: 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS',
    get: call => ok(renderTemplate(call, readableTemplate(call), true)),
  },
  { path: 'job_templates/:id/survey_spec/', allow: 'GET, POST, DELETE, HEAD, OPTIONS', get: getSurvey },
  // Holds job templates alone: projects and sources are of the same family in the product, but nobody looks for them here.
  {
    path: 'unified_job_templates/',
    allow: 'GET, HEAD, OPTIONS',
    get: call => listTemplates(call, 'UnifiedJobTemplate'),
  },
]

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

/** The template that the path names, by id or `name++organization`; 404 when there is none. */
export function templateOf({ store, params }: Call): JobTemplate {
  const segment = params['id'] ?? ''
  const [name, organization] = namedUrlParts(segment)
  const template = /^\d+$/.test(segment)
    ? store.templates.get(Number(segment))
    : store.templates.find(
        row =>
          row.name === name &&
          (organization === undefined || store.organizations.get(row.organization)?.name === organization),
      )
  if (template === undefined) throw noMatch('JobTemplate')
  return template
}

/** The same, 403 when it is there but may not be read. */
export function readableTemplate(call: Call): JobTemplate {
  const template = templateOf(call)
  if (!mayReadTemplate(call.user, template)) throw forbidden()
  return template
}

function listTemplates(call: Call, model: string): Reply {
  const { store, user } = call
  const rows = store.templates.filter(template => mayReadTemplate(user, template))
  return listReply(call, {
    model,
    rows: rows.sort((a, b) => (a.name < b.name ? -1 : 1)),
    columns: templateColumns(store),
    render: row => renderTemplate(call, row, false),
  })
}

function templateColumns(store: Store): Columns<JobTemplate> {
  return {
    id: numberColumn(row => row.id),
    name: textColumn(row => row.name),
    description: textColumn(row => row.description),
    organization: numberColumn(row => row.organization),
    organization__name: textColumn(row => store.organizations.get(row.organization)?.name),
    inventory: numberColumn(row => row.inventory),
    inventory__name: textColumn(row => store.inventories.get(row.inventory)?.name),
    project: numberColumn(row => row.project),
    project__name: textColumn(row => store.projects.get(row.project)?.name),
    playbook: textColumn(row => row.playbook),
    limit: textColumn(row => row.limit),
    allow_simultaneous: flagColumn(row => row.allow_simultaneous),
    survey_enabled: flagColumn(row => row.survey_enabled),
    status: textColumn(row => templateStatus(store, row)),
  }
}

function getSurvey(call: Call): Reply {
  const { survey } = readableTemplate(call)
  return ok(
    survey.length === 0
      ? {}
      : { name: '', description: '', spec: survey.map(each => ({ ...each, question_name: each.variable })) },
  )
}

function jobsOf(store: Store, template: JobTemplate): Job[] {
  return store.jobs.filter(job => job.job_template === template.id)
}

function templateStatus(store: Store, template: JobTemplate): string {
  const jobs = jobsOf(store, template)
  return (jobs.find(isUnfinished) ?? jobs.at(-1))?.status ?? 'never updated'
}

function renderTemplate(call: Call, template: JobTemplate, detail: boolean): unknown {
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
