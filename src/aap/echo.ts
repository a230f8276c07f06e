import { isDeepStrictEqual } from 'node:util'
import { isRecord, type Answer } from './answer.ts'

/** What a launch must come back with. */
export interface Expected {
  /** Null: it is gone by now. */
  readonly template: number | null
  readonly inventory: number
  readonly limit: string
  readonly skipTags: string
  readonly extraVars: Readonly<Record<string, unknown>>
  /** Names of variables that must come back masked. */
  readonly secrets: readonly string[]
  /** It must be a dry run; else it must not be one. */
  readonly check: boolean
}

/**
 * How the job that was started differs from the one that was asked for; empty when it does not. The controller answers 201 to all of
 * it: a field that the template does not prompt for is dropped, an unknown one not even named. Differences tell no values of
 * variables, they may be secret.
 */
export function echoDifferences(expected: Expected, echo: Answer): string[] {
  const found: string[] = []
  if (echo.raw('type') !== 'job') found.push(`it is a ${String(echo.raw('type'))}, not a job`)
  const ignored = echo.raw('ignored_fields')
  if (isRecord(ignored))
    found.push(...Object.keys(ignored).map(field => `field ${field} was ignored${inner(ignored[field])}`))
  if (echo.raw('limit') !== expected.limit)
    found.push(`limit is ${shown(echo.raw('limit'))}, not ${shown(expected.limit)}`)
  if (echo.raw('inventory') !== expected.inventory)
    found.push(`inventory is ${shown(echo.raw('inventory'))}, not ${expected.inventory}`)
  if (echo.raw('skip_tags') !== expected.skipTags)
    found.push(`skip_tags is ${shown(echo.raw('skip_tags'))}, not ${shown(expected.skipTags)}`)
  // One in earnest that only looks would change nothing, and count as done.
  const type = expected.check ? 'check' : 'run'
  if (echo.raw('job_type') !== type) found.push(`job type is ${shown(echo.raw('job_type'))}, not "${type}"`)
  if (echo.raw('job_template') !== expected.template)
    found.push(`job template is ${shown(echo.raw('job_template'))}, not ${expected.template}`)
  return [...found, ...variableDifferences(expected, echo.raw('extra_vars'))]
}

/** What a controller shows in place of the answer to a password question, and takes for "as it was". */
export const MASK = '$encrypted$'

/** The echo is the template's own variables and ours as one JSON text. Answers to password questions are masked in it, and nothing else is. */
function variableDifferences({ extraVars, secrets }: Expected, echoed: unknown): string[] {
  const names = Object.keys(extraVars)
  if (names.length + secrets.length === 0) return []
  const variables = parsed(echoed)
  if (variables === null) return ['extra_vars are not echoed']
  const told = (name: string, otherwise: string): string =>
    `extra_vars: ${name} is ${Object.hasOwn(variables, name) ? otherwise : 'missing'}`
  return [
    ...names
      .filter(name => !isDeepStrictEqual(variables[name], asJson(extraVars[name])))
      .map(name => told(name, 'another')),
    ...secrets
      .filter(name => variables[name] !== MASK)
      .map(name => told(name, 'not hidden: every reader of the job sees this secret, so it is to be changed')),
  ]
}

function parsed(text: unknown): Record<string, unknown> | null {
  try {
    const value = JSON.parse(String(text)) as unknown
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)
}

function inner(value: unknown): string {
  return isRecord(value) ? ` (${Object.keys(value).join(', ')})` : ''
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 120 ? `${text.slice(0, 119)}…` : text
}
