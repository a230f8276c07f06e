import type { Grounds } from './grounds.ts'
import type { Run, RunHost, Selection, Verb } from './run.ts'
import { plannedSteps, type StepPlan } from './run-step.ts'
import type { SealedSecrets } from './secrets.ts'
import { bytesOf, type Variables, variablesDigest } from './variables.ts'

/** What a new run is made of. What is left out, or is empty, was not said. */
interface Wished {
  readonly id: string
  readonly verb: Verb
  readonly template: string
  readonly organization?: string
  /** Of a verb with steps, whose templates count then. */
  readonly steps?: readonly StepPlan[] | undefined
  readonly variables?: Variables
  readonly secrets?: SealedSecrets
  readonly check?: boolean
  readonly selection?: Selection
  readonly shared?: Readonly<Record<string, string>>
  readonly askedBy: string
  readonly reason: string
  readonly grounds?: Grounds
  readonly hosts: readonly RunHost[]
}

/** Of a run, or of its next step: no job has begun. */
export const UNBEGUN = {
  status: 'planned',
  left_out: [],
  attempts: 0,
  updates: 0,
  update: null,
  template_id: 0,
  job: null,
  job_ended_at: 0,
  stopped_at: 0,
  message: '',
} as const satisfies Partial<Run>

/** A new intent. It does nothing yet: it is to be made durable first. */
export function newRun(wished: Wished, now: number): Run {
  const { id, verb, template, steps, askedBy, reason, grounds, hosts } = wished
  return {
    ...UNBEGUN,
    schema: schemaOf(wished),
    kind: 'run',
    id,
    verb,
    template: steps?.[0]?.template ?? template,
    ...said(wished),
    asked_by: askedBy,
    reason,
    ...grounds,
    created_at: now,
    hosts,
    ...(steps === undefined ? {} : { steps: plannedSteps(id, steps), step: 0 }),
    since: now,
    inventory_id: 0,
    astray: '',
    finished_at: 0,
    outcome: '',
    counts: {},
  }
}

/** The least that a program must know to do it as it is meant. */
function schemaOf({ steps, secrets = {}, organization = '', variables = {}, check = false }: Wished): Run['schema'] {
  if (steps !== undefined) return 6
  if (isSaid(secrets)) return 4
  return organization !== '' || isSaid(variables) || check ? 3 : 1
}

/** What a run has only where it was said. */
function said({
  organization = '',
  variables = {},
  secrets = {},
  check = false,
  selection,
  shared,
}: Wished): Partial<Run> {
  return {
    ...(organization === '' ? {} : { organization }),
    ...(isSaid(variables)
      ? { variables, variables_digest: variablesDigest(variables), variables_bytes: bytesOf(variables) }
      : {}),
    ...(isSaid(secrets) ? { secrets } : {}),
    ...(check ? { check } : {}),
    ...(selection === undefined ? {} : { selection }),
    ...(shared === undefined ? {} : { shared }),
  }
}

function isSaid(named: object): boolean {
  return Object.keys(named).length > 0
}
