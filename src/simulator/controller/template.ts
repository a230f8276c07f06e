import { mayReadTemplate } from './access.ts'
import { flagColumn, numberColumn, textColumn } from './filter.ts'
import { namedUrlParts } from './named-url.ts'
import { listReply } from './page.ts'
import { forbidden, noMatch, ok } from './route.ts'
import { renderTemplate, templateStatus } from './template-view.ts'
import type { Columns } from './filter.ts'
import type { JobTemplate, SurveyQuestion } from './job-records.ts'
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

/** The template that the path names, by id or `name++organization`; 404 when there is none. */
export function templateOf({ store, params }: Call): JobTemplate {
  const segment = params['id'] ?? ''
  const [name, organization] = namedUrlParts(segment)
  const isNumbered = /^\d+$/.test(segment)
  const template = isNumbered
    ? store.templates.get(Number(segment))
    : store.templates.find(
        row =>
          row.name === name &&
          (organization === undefined || store.organizations.get(row.organization)?.name === organization),
      )
  if (template === undefined) throw noMatch('JobTemplate', !isNumbered)
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
  return ok(survey.length === 0 ? {} : { name: '', description: '', spec: survey.map(shownQuestion) })
}

/** The default of a password question is stored encrypted, and shown masked; one without a default shows that. */
function shownQuestion(question: SurveyQuestion): object {
  const hidden = question.type === 'password' && question.default !== null && question.default !== ''
  return { ...question, ...(hidden ? { default: '$encrypted$' } : {}), question_name: question.variable }
}
