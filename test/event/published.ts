import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'

export const KINDS = ['vm', 'cluster', 'day2'] as const
export type Kind = (typeof KINDS)[number]

/** Keys that came to a schema later: events that are older do not have them. */
export const CAME_LATER: ReadonlySet<string> = new Set([
  'check',
  'asked_because',
  'trigger',
  'allowed_by',
  'attempts',
  'step',
  'steps',
  'trimmed',
  'application',
  'descent',
  'adopted',
  'added',
  'removed',
  'deleted',
  'confirmed_by',
])

/** A published schema, as it ships. */
export function published(kind: Kind): Record<string, unknown> {
  const file = new URL(`../../schemas/${kind}-event-v1.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}

const ajv = new Ajv({ allErrors: true, strict: true })
addFormats.default(ajv)
const validators = new Map<Kind, ValidateFunction>()

/** What is wrong with an event of a kind by its published schema. */
export function faultsOf(kind: Kind, event: object): readonly string[] {
  const validate = validators.get(kind) ?? ajv.compile(published(kind))
  validators.set(kind, validate)
  validate(event)
  return (validate.errors ?? []).map(error => `${error.instancePath} ${error.message ?? ''}`)
}
