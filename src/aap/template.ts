import { parse } from 'yaml'
import { type Answer, isRecord } from './answer.ts'
import { ControllerError } from './error.ts'
import { only, query, rows } from './page.ts'
import type { Session } from './session.ts'

/** A job template as far as a launch depends on it. A copy: it may change between this reading and the launch. */
export interface Template {
  readonly id: number
  readonly name: string
  readonly organization: string
  readonly launchUrl: string
  readonly inventory: { readonly id: number; readonly name: string } | null
  /** The limit of a launch that gives none. */
  readonly limit: string
  readonly skipTags: string
  /** Tasks with these tags alone are run; empty is all of them. */
  readonly jobTags: string
  readonly jobType: string
  /** Which fields a launch may set; the controller drops the others and launches all the same. */
  readonly asks: {
    readonly limit: boolean
    readonly variables: boolean
    readonly skipTags: boolean
    readonly inventory: boolean
    readonly jobType: boolean
  }
  readonly surveyEnabled: boolean
  /** Variables that its survey asks for as passwords: the controller keeps the answers encrypted, and shows them to nobody. */
  readonly passwordQuestions: readonly string[]
  /** Variables without which a launch is refused. */
  readonly requiredVariables: readonly string[]
  readonly requiredPasswords: readonly string[]
  readonly jobSliceCount: number
  readonly allowSimultaneous: boolean
  /** Seconds; 0 is no bound. */
  readonly timeoutSeconds: number
  /** False when the controller says that this account may not launch it. */
  readonly mayStart: boolean
  /** How its project is: `successful`, `ok`, `failed`, …, or `unknown`; empty when it has none. */
  readonly project: string
  /** Names of the variables that it gives each of its jobs by itself. */
  readonly variables: readonly string[]
}

/**
 * The one job template of that name in that organization. Throws `not_found` or `ambiguous`: names are unique only by good manners of
 * the controller. Looked up by filter, since the named URL breaks on `/` behind some proxies.
 */
export async function findTemplate(
  session: Session,
  base: string,
  name: string,
  organization: string,
): Promise<Template> {
  const path = query(`${base}job_templates/`, { name, organization__name: organization })
  const row = only(
    await rows(session, path),
    `job template ${JSON.stringify(name)} in organization ${JSON.stringify(organization)}`,
  )
  const launch = await session.get(row.answer('related').string('launch'))
  const template = templateFrom(row, launch, organization)
  return { ...template, passwordQuestions: template.surveyEnabled ? await passwordQuestions(session, row) : [] }
}

/**
 * Resolves when this account can read the template with that id, by whatever name. Throws `not_found` when it is gone and `forbidden` when
 * the right to it is: then the jobs that were launched from it are in no list that this account gets, and that a search found
 * none of them says nothing.
 */
export async function confirmReadable(session: Session, base: string, id: number): Promise<void> {
  const path = `${base}job_templates/${id}/`
  try {
    const found = (await session.get(path)).integer('id')
    if (found !== id) throw new ControllerError('protocol', `GET ${path} answered with job template ${found}`)
  } catch (error) {
    const { kind, status } = error instanceof ControllerError ? error : { kind: 'unreachable', status: 0 }
    if (kind !== 'not_found' && kind !== 'forbidden') throw error
    const fate = kind === 'not_found' ? 'is not there any more' : 'can not be read any more'
    throw new ControllerError(kind, `job template ${id} ${fate}, so that a job of it could not be seen`, { status })
  }
}

/** Who may launch a template may read its survey. One that asks nothing is an empty object. */
async function passwordQuestions(session: Session, row: Answer): Promise<readonly string[]> {
  const survey = await session.get(row.answer('related').string('survey_spec'))
  const questions = survey.has('spec') ? survey.answers('spec') : []
  return questions.filter(each => each.raw('type') === 'password').map(each => each.string('variable'))
}

function templateFrom(row: Answer, launch: Answer, organization: string): Omit<Template, 'passwordQuestions'> {
  const capabilities = row.answer('summary_fields')
  const inventory = launch.answer('defaults').answer('inventory')
  return {
    id: row.integer('id'),
    name: row.string('name'),
    organization,
    launchUrl: row.answer('related').string('launch'),
    inventory: inventory.has('id') ? { id: inventory.integer('id'), name: inventory.string('name') } : null,
    limit: row.string('limit'),
    skipTags: row.string('skip_tags'),
    jobTags: row.string('job_tags'),
    jobType: row.string('job_type'),
    asks: {
      limit: launch.boolean('ask_limit_on_launch'),
      variables: launch.boolean('ask_variables_on_launch'),
      skipTags: launch.boolean('ask_skip_tags_on_launch'),
      inventory: launch.boolean('ask_inventory_on_launch'),
      jobType: launch.boolean('ask_job_type_on_launch'),
    },
    surveyEnabled: launch.boolean('survey_enabled'),
    requiredVariables: launch.strings('variables_needed_to_start'),
    requiredPasswords: launch.strings('passwords_needed_to_start'),
    jobSliceCount: row.integer('job_slice_count'),
    allowSimultaneous: row.boolean('allow_simultaneous'),
    timeoutSeconds: row.integer('timeout'),
    project: projectOf(row),
    variables: namesIn(row.raw('extra_vars')),
    // Not said is not forbidden: the launch itself then answers 403, and nothing runs.
    mayStart: !capabilities.has('user_capabilities') || capabilities.answer('user_capabilities').raw('start') !== false,
  }
}

/** What is not told is not missing: the launch itself then answers 400, and nothing runs. */
function projectOf(row: Answer): string {
  const fields = row.answer('summary_fields')
  const status = fields.has('project') ? fields.answer('project').raw('status') : undefined
  if (typeof status === 'string') return status
  return row.raw('project') === null ? '' : 'unknown'
}

/** The names at the top of variables as they were typed in: JSON or YAML. None when they are neither. */
function namesIn(variables: unknown): string[] {
  if (typeof variables !== 'string' || variables.trim() === '') return []
  try {
    const read: unknown = parse(variables)
    return isRecord(read) ? Object.keys(read) : []
  } catch {
    return []
  }
}
