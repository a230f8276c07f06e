import { PROMPTS } from './job-records.ts'
import { shown } from './python-json.ts'
import type { Prompt, SurveyQuestion } from './job-records.ts'
import type { NotificationObject, RoleObject, SourceObject, TemplateObject } from './authored.ts'

/** One entry of a variable file, as YAML gave it. */
export type Entry = { [key: string]: unknown }

export function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An entry of `controller_templates`. */
export function templateObject(entry: Entry): TemplateObject {
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

/** An entry of `controller_notifications`, of type webhook. */
export function notificationObject(entry: Entry): NotificationObject {
  const to = isEntry(entry['notification_configuration']) ? entry['notification_configuration'] : {}
  const headers = isEntry(to['headers']) ? to['headers'] : {}
  return {
    name: shown(entry['name']),
    notification_configuration: {
      url: shown(to['url'] ?? ''),
      http_method: shown(to['http_method'] ?? 'POST'),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, shown(value)])),
    },
  }
}

/** An entry of `controller_inventory_sources`. */
export function sourceObject(entry: Entry): SourceObject {
  return {
    ...(entry as unknown as SourceObject),
    enabled_value: entry['enabled_value'] === undefined ? '' : shown(entry['enabled_value']),
  }
}

const ROLE_OWNERS = [
  ['organization', 'organizations', 'organization'],
  ['inventory', 'inventories', 'inventory'],
  ['job_template', 'job_templates', 'job_template'],
] as const

/** An entry of `controller_roles`: each of its roles on each of its objects, for a user. Those of teams are left out, and those that nobody is to have. */
export function roleObjects(entry: Entry): RoleObject[] {
  const user = entry['user']
  if (typeof user !== 'string' || entry['state'] === 'absent') return []
  const roles = texts(entry['roles'] ?? entry['role'])
  return ROLE_OWNERS.flatMap(([on, many, one]) =>
    texts(entry[many] ?? entry[one]).flatMap(name => roles.map(role => ({ user, on, name, role }))),
  )
}

/** An entry of `aap_user_accounts`: a member of each of its organizations. */
export function memberObjects(entry: Entry): RoleObject[] {
  const user = entry['username']
  if (typeof user !== 'string') return []
  return texts(entry['organizations']).map(name => ({ user, on: 'organization', name, role: 'member' }))
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(shown) : value === undefined ? [] : [shown(value)]
}
