import { Fault } from '../../errors.ts'
import { PROMPTS } from './job-records.ts'
import { shown } from './python-json.ts'
import type { JobSettings, Prompt, SurveyQuestion } from './job-records.ts'
import type { Variables } from './records.ts'

/** A job template as its author wrote it: everything but the name has a default. */
export type TemplateObject = Partial<Omit<JobSettings, 'inventory' | 'credentials' | 'labels' | 'instance_groups'>> & {
  id?: number
  name: string
  description?: string
  organization?: string
  inventory?: string
  project?: string
  playbook?: string
  credentials?: string[]
  extra_vars?: string
  use_fact_cache?: boolean
  become_enabled?: boolean
  allow_simultaneous?: boolean
  prompts?: { [name in Prompt]?: boolean }
  survey_enabled?: boolean
  survey?: SurveyQuestion[]
}

export type InventoryObject = {
  id?: number
  name: string
  description?: string
  organization?: string
  /** Hosts made by hand: no source removes them. */
  hosts?: { id?: number; name: string; description?: string; enabled?: boolean; variables?: Variables }[]
}

export type SourceObject = {
  id?: number
  name: string
  description?: string
  inventory: string
  source_project?: string
  source_path?: string
  enabled_var?: string
  enabled_value?: string
  overwrite?: boolean
  overwrite_vars?: boolean
  update_on_launch?: boolean
  update_cache_timeout?: number
}

export type ProjectObject = {
  id?: number
  name: string
  description?: string
  organization?: string
  scm_type?: string
  scm_url?: string
  scm_branch?: string
  status?: string
}

/** What a controller is filled with. References are names; `id` fixes an id where a test needs one. */
export type ControllerObjects = {
  organizations: { id?: number; name: string; description?: string }[]
  credential_types: { id?: number; name: string; kind?: string }[]
  credentials: { id?: number; name: string; organization?: string; credential_type?: string }[]
  projects: ProjectObject[]
  inventories: InventoryObject[]
  inventory_sources: SourceObject[]
  templates: TemplateObject[]
}

type Entry = { [key: string]: unknown }

/**
 * The objects in variable files of the collection infra.aap_configuration, merged in the order given.
 *
 * Read are organizations, credential types, credentials, projects, inventories, inventory sources, hosts and job templates, under their
 * `controller_` and `aap_` names. Other variables are ignored: users, teams and roles are no part of a simulated controller's data.
 * Every reference to an object that is not there, and every entry without a name, is told at once in one `Fault`.
 */
export function loadObjects(documents: readonly unknown[]): ControllerObjects {
  const faults: string[] = []
  const read = (...names: string[]): Entry[] => names.flatMap(name => entries(documents, name, faults))

  const objects: ControllerObjects = {
    organizations: read('controller_organizations', 'aap_organizations') as ControllerObjects['organizations'],
    credential_types: read('controller_credential_types') as ControllerObjects['credential_types'],
    credentials: read('controller_credentials') as ControllerObjects['credentials'],
    projects: read('controller_projects') as ControllerObjects['projects'],
    inventories: read('controller_inventories') as InventoryObject[],
    inventory_sources: read('controller_inventory_sources').map(sourceObject),
    templates: read('controller_templates').map(templateObject),
  }
  // `Default` is made by the controller's own installation, so files refer to it without declaring it.
  if (!objects.organizations.some(({ name }) => name === 'Default')) objects.organizations.unshift({ name: 'Default' })
  addHosts(objects, read('controller_hosts'), faults)
  faults.push(...danglingReferences(objects))
  if (faults.length > 0) {
    throw new Fault('controller_objects', `the controller objects do not fit together:\n  ${faults.join('\n  ')}`, {
      hint: 'Mend the names in the variable files (deploy/aap), or add the object that is missing.',
    })
  }
  return objects
}

function entries(documents: readonly unknown[], variable: string, faults: string[]): Entry[] {
  const found: Entry[] = []
  for (const document of documents) {
    const value = isEntry(document) ? document[variable] : undefined
    if (value === undefined || value === null) continue
    if (!Array.isArray(value)) {
      faults.push(`${variable}: expected a list`)
      continue
    }
    for (const [index, entry] of (value as unknown[]).entries()) {
      if (isEntry(entry) && typeof entry['name'] === 'string' && entry['name'] !== '') found.push(entry)
      else faults.push(`${variable}[${index}]: expected an object with a name`)
    }
  }
  return found
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function templateObject(entry: Entry): TemplateObject {
  const { survey_spec, survey, ...rest } = entry
  const prompts: { [name in Prompt]?: boolean } = {}
  for (const prompt of PROMPTS) {
    // The collection's modules call the prompts ask_<name>_on_launch as the API does; both spellings are in use.
    const asked = entry[`ask_${prompt}_on_launch`] ?? entry[`ask_${prompt}`]
    if (typeof asked === 'boolean') prompts[prompt] = asked
  }
  const extraVars = entry['extra_vars'] ?? entry['variables']
  return {
    ...(rest as unknown as TemplateObject),
    prompts: { ...prompts, ...(isEntry(entry['prompts']) ? entry['prompts'] : {}) },
    extra_vars: typeof extraVars === 'string' ? extraVars : JSON.stringify(extraVars ?? {}),
    survey: surveyQuestions(survey_spec ?? survey),
  }
}

function surveyQuestions(spec: unknown): SurveyQuestion[] {
  const questions = isEntry(spec) ? spec['spec'] : spec
  if (!Array.isArray(questions)) return []
  return questions.filter(isEntry).map(question => ({
    variable: shown(question['variable']),
    type: shown(question['type'] ?? 'text'),
    required: question['required'] === true,
    choices: Array.isArray(question['choices'])
      ? question['choices'].map(String)
      : typeof question['choices'] === 'string'
        ? question['choices'].split('\n')
        : [],
    min: typeof question['min'] === 'number' ? question['min'] : null,
    max: typeof question['max'] === 'number' ? question['max'] : null,
    default: question['default'] ?? '',
  }))
}

function sourceObject(entry: Entry): SourceObject {
  return {
    ...(entry as unknown as SourceObject),
    enabled_value: entry['enabled_value'] === undefined ? '' : shown(entry['enabled_value']),
  }
}

function addHosts(objects: ControllerObjects, hosts: Entry[], faults: string[]): void {
  for (const host of hosts) {
    const inventory = objects.inventories.find(({ name }) => name === host['inventory'])
    if (inventory === undefined) faults.push(missing(`host "${String(host['name'])}"`, 'inventory', host['inventory']))
    else (inventory.hosts ??= []).push(host as unknown as { name: string })
  }
}

function danglingReferences(objects: ControllerObjects): string[] {
  const faults: string[] = []
  const check = (owner: string, kind: string, name: unknown, known: readonly { name: string }[]): void => {
    if (name !== undefined && !known.some(each => each.name === name)) faults.push(missing(owner, kind, name))
  }
  const { organizations, projects, inventories } = objects
  for (const project of projects)
    check(`project "${project.name}"`, 'organization', project.organization, organizations)
  for (const each of inventories) check(`inventory "${each.name}"`, 'organization', each.organization, organizations)
  for (const source of objects.inventory_sources) {
    check(`inventory source "${source.name}"`, 'inventory', source.inventory ?? '', inventories)
    check(`inventory source "${source.name}"`, 'project', source.source_project, projects)
  }
  for (const template of objects.templates) {
    const owner = `job template "${template.name}"`
    check(owner, 'organization', template.organization, organizations)
    check(owner, 'project', template.project, projects)
    check(owner, 'inventory', template.inventory, inventories)
    for (const credential of template.credentials ?? []) check(owner, 'credential', credential, objects.credentials)
  }
  return faults
}

function missing(owner: string, kind: string, name: unknown): string {
  return `${owner}: there is no ${kind} named "${String(name)}"`
}
