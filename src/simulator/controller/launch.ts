import { mayLaunch, mayUseLabels, mayWithInventory } from './access.ts'
import { parseVariables } from './extra-vars.ts'
import { createJob, settingsOf } from './job.ts'
import { renderJob } from './job-view.ts'
import { PROMPTS } from './job-records.ts'
import { planLaunch, readFields } from './launch-request.ts'
import { created, forbidden, ok, Refusal } from './route.ts'
import { hostsOf } from './store.ts'
import { variablesNeeded } from './survey.ts'
import { readableTemplate, templateOf } from './template.ts'
import { renderWorkflowJob } from './workflow-job.ts'
import type { Job, JobSettings, JobTemplate } from './job-records.ts'
import type { Faults, LaunchPlan } from './launch-request.ts'
import type { Call, Reply, Route } from './route.ts'
import type { Store } from './store.ts'

export const launchRoutes: readonly Route[] = [
  { path: 'job_templates/:id/launch/', allow: 'GET, POST, HEAD, OPTIONS', get: getLaunch, post: postLaunch },
]

/** What a launch will need and let in. */
function getLaunch(call: Call): Reply {
  const template = readableTemplate(call)
  const { store } = call
  const { prompts } = template
  const needed = template.survey_enabled ? variablesNeeded(template.survey) : []
  const inventory = store.inventories.get(template.inventory)
  return ok({
    can_start_without_user_input:
      !Object.values(prompts).some(Boolean) && needed.length === 0 && inventory !== undefined,
    passwords_needed_to_start: [],
    ...Object.fromEntries(PROMPTS.map(name => [`ask_${name}_on_launch`, prompts[name]])),
    survey_enabled: template.survey_enabled,
    variables_needed_to_start: needed,
    credential_needed_to_start: false,
    inventory_needed_to_start: inventory === undefined,
    job_template_data: { name: template.name, id: template.id, description: template.description },
    defaults: {
      inventory: { name: inventory?.name ?? null, id: inventory?.id ?? null },
      limit: template.limit,
      scm_branch: template.scm_branch,
      // Labels are the one default that is left out when there is none.
      ...(template.labels.length > 0
        ? { labels: template.labels.map(id => ({ id, name: store.labels.must(id).name })) }
        : {}),
      job_tags: template.job_tags,
      skip_tags: template.skip_tags,
      extra_vars: template.extra_vars,
      diff_mode: template.diff_mode,
      job_type: template.job_type,
      verbosity: template.verbosity,
      credentials: template.credentials.map(id => ({
        id,
        name: store.credentials.must(id).name,
        credential_type: store.credentials.must(id).credential_type,
        passwords_needed: [],
      })),
      execution_environment: {},
      forks: template.forks,
      job_slice_count: template.job_slice_count,
      timeout: template.timeout,
      instance_groups: template.instance_groups,
    },
  })
}

/**
 * Launches. The order of checks is the product's: the template and the right to run it, then the types of the fields, then variables,
 * resources and project together, then the rights on the objects that the body names.
 */
function postLaunch(call: Call): Reply {
  const { store, user, body, base } = call
  const template = templateOf(call)
  if (!mayLaunch(user, template)) throw forbidden()
  const { fields, faults } = readFields(store, body)
  if (Object.keys(faults).length > 0) throw new Refusal(400, faults)
  const { plan, faults: more } = planLaunch(template, fields, body)
  const all = { ...more, ...resourceFaults(store, template, plan) }
  if (Object.keys(all).length > 0) throw new Refusal(400, all)
  checkRights(call, plan.settings)

  const settings = { ...settingsOf(template), ...plan.settings }
  const sliced = settings.job_slice_count > 1 && hostsOf(store, settings.inventory ?? 0).length >= 2
  const job = createJob(call, template, {
    settings,
    extra_vars: { ...templateVariables(template), ...plan.extra_vars },
    launch_type: 'manual',
    type: sliced ? 'workflow_job' : 'job',
  })
  tellLaunched(call, job)
  const { ignored_fields } = plan
  return sliced
    ? created(`${base}workflow_jobs/${job.id}/`, {
        workflow_job: job.id,
        ignored_fields,
        ...renderWorkflowJob(call, job),
      })
    : created(`${base}jobs/${job.id}/`, { job: job.id, ignored_fields, ...renderJob(call, job, 'launched') })
}

function resourceFaults(store: Store, template: JobTemplate, plan: LaunchPlan): Faults {
  const faults: Faults = {}
  const inventory = plan.settings.inventory ?? template.inventory
  if (inventory === null) faults['resources_needed_to_start'] = ['Job Template inventory is missing or undefined.']
  const project = store.projects.get(template.project)
  if (project === undefined) faults['project'] = 'A project is required to run a job.'
  else if (['failed', 'error', 'canceled'].includes(project.status))
    faults['playbook'] = 'Missing a revision to run due to failed project update.'
  return faults
}

function checkRights(call: Call, settings: Partial<JobSettings>): void {
  const { store, user } = call
  if (settings.inventory !== undefined && !mayWithInventory(store, user, 'use', settings.inventory)) throw forbidden()
  const foreign = (settings.labels ?? []).some(id => !mayUseLabels(user, store.labels.must(id).organization))
  if (foreign || (settings.credentials !== undefined && !user.is_superuser)) throw forbidden()
}

function templateVariables(template: JobTemplate): { [name: string]: unknown } {
  const parsed = parseVariables(template.extra_vars)
  return parsed.ok ? parsed.variables : {}
}

function tellLaunched({ tell, user }: Call, job: Job): void {
  const where = job.limit === '' ? 'every host of its inventory' : job.limit
  tell({
    kind: 'job_launched',
    job: job.id,
    template: job.name,
    limit: job.limit,
    text: `job ${job.id} "${job.name}" was launched by ${user.username} on ${where}`,
  })
}
