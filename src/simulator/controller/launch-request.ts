import { parseVariables } from './extra-vars.ts'
import { shown } from './python-json.ts'
import { surveyFaults } from './survey.ts'
import type { JobSettings, JobTemplate, Prompt } from './job-records.ts'
import type { Variables } from './records.ts'
import type { Store } from './store.ts'

export type Faults = { [field: string]: unknown }

/** What a launch makes of its body. `settings` are the fields that replace the template's. */
export type LaunchPlan = {
  settings: Partial<JobSettings>
  extra_vars: Variables
  ignored_fields: { [field: string]: unknown }
}

/** The fields of a launch body and the prompt that lets each in. */
const FIELDS: { readonly [field in keyof JobSettings]: Prompt } = {
  inventory: 'inventory',
  limit: 'limit',
  scm_branch: 'scm_branch',
  job_tags: 'tags',
  skip_tags: 'skip_tags',
  job_type: 'job_type',
  verbosity: 'verbosity',
  diff_mode: 'diff_mode',
  forks: 'forks',
  timeout: 'timeout',
  job_slice_count: 'job_slice_count',
  execution_environment: 'execution_environment',
  credentials: 'credential',
  labels: 'labels',
  instance_groups: 'instance_groups',
}

type Body = { readonly [field: string]: unknown }

/** Reads and checks the types of a body's known fields. Unknown fields are dropped here, and nobody is told. */
export function readFields(store: Store, body: Body): { fields: Partial<JobSettings>; faults: Faults } {
  const fields: { [field: string]: unknown } = {}
  const faults: Faults = {}
  for (const field of Object.keys(FIELDS)) {
    if (!(field in body)) continue
    const read = readField(store, field as keyof JobSettings, body[field])
    if ('value' in read) fields[field] = read.value
    else faults[field] = [read.fault]
  }
  return { fields, faults }
}

type Read = { value: unknown } | { fault: string }
type Reader = (value: unknown, store: Store) => Read

const READERS: { readonly [field in keyof JobSettings]: Reader } = {
  limit: readText,
  scm_branch: readText,
  job_tags: readText,
  skip_tags: readText,
  job_type: value => (['run', 'check'].includes(shown(value)) ? { value } : { fault: notAChoice(value) }),
  verbosity: value => (/^[0-5]$/.test(shown(value)) ? { value: Number(value) } : { fault: notAChoice(value) }),
  diff_mode: value => (typeof value === 'boolean' ? { value } : { fault: 'Must be a valid boolean.' }),
  forks: readInteger,
  timeout: readInteger,
  job_slice_count: readInteger,
  inventory: (value, store) => readKey(store.inventories, value),
  execution_environment: value => readKey(oneRow(1), value),
  credentials: (value, store) => readKeys(store.credentials, value),
  labels: (value, store) => readKeys(store.labels, value),
  instance_groups: value => readKeys(oneRow(2), value),
}

function readField(store: Store, field: keyof JobSettings, value: unknown): Read {
  return value === null ? { fault: 'This field may not be null.' } : READERS[field](value, store)
}

/** A number is taken as its text; anything that is no single value is refused. */
function readText(value: unknown): Read {
  return typeof value === 'string' || typeof value === 'number'
    ? { value: shown(value) }
    : { fault: 'Not a valid string.' }
}

function readInteger(value: unknown): Read {
  return /^-?\d+$/.test(shown(value)) ? { value: Number(value) } : { fault: 'A valid integer is required.' }
}

function notAChoice(value: unknown): string {
  return `"${shown(value)}" is not a valid choice.`
}

type Known = { get(id: number): unknown }

/** Execution environments and instance groups are one of each, by their recorded ids. */
function oneRow(id: number): Known {
  return { get: wanted => (wanted === id ? {} : undefined) }
}

function readKey(table: Known, value: unknown): Read {
  const id =
    typeof value === 'number' ? value : typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined
  if (id === undefined)
    return { fault: `Incorrect type. Expected pk value, received ${typeof value === 'string' ? 'str' : typeof value}.` }
  return table.get(id) === undefined ? { fault: `Invalid pk "${id}" - object does not exist.` } : { value: id }
}

function readKeys(table: Known, value: unknown): Read {
  if (!Array.isArray(value))
    return { fault: `Expected a list of items but got type "${typeof value === 'string' ? 'str' : 'dict'}".` }
  const reads = value.map(each => readKey(table, each))
  return reads.find(read => 'fault' in read) ?? { value: reads.map(read => ('value' in read ? read.value : 0)) }
}

/**
 * Sorts the fields of a launch into those that take effect and those that do not.
 *
 * field is      | prompted                          | not prompted
 * as template's | nothing happens                   | nothing happens
 * other         | replaces the template's           | goes to ignored_fields, and the job runs with the template's
 *
 * Variables are let in whole when prompted, else only those the survey asks for.
 */
export function planLaunch(
  template: JobTemplate,
  fields: Partial<JobSettings>,
  body: Body,
): { plan: LaunchPlan; faults: Faults } {
  const plan: LaunchPlan = { settings: {}, extra_vars: {}, ignored_fields: {} }
  const faults: Faults = {}
  for (const [field, value] of Object.entries(fields)) {
    const name = field as keyof JobSettings
    if (sameValue(template[name], value)) continue
    if (template.prompts[FIELDS[name]]) Object.assign(plan.settings, { [field]: value })
    else plan.ignored_fields[field] = value
  }

  const given = parseVariables(body['extra_vars'] ?? {})
  if (!given.ok) return { plan, faults: { extra_vars: [given.message] } }
  const asked = new Set(template.survey_enabled ? template.survey.map(({ variable }) => variable) : [])
  const ignored: Variables = {}
  for (const [name, value] of Object.entries(given.variables)) {
    if (template.prompts.variables || asked.has(name)) plan.extra_vars[name] = value
    else ignored[name] = value
  }
  if (Object.keys(ignored).length > 0) plan.ignored_fields['extra_vars'] = ignored
  const wrong = template.survey_enabled ? surveyFaults(template.survey, given.variables) : []
  if (wrong.length > 0) faults['variables_needed_to_start'] = wrong
  return { plan, faults }
}

function sameValue(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}
