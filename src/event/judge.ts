import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { Fault, messageOf } from '../errors.ts'
import { MAX_EVENT_BYTES } from './fit.ts'

/** Gives what is wrong with an event, given as the JSON to be stored on `stream`, in one sentence; empty when it is valid. */
export type EventJudge = (stream: string, json: string) => string

const SCHEMAS: Readonly<Record<string, URL>> = {
  'events.vm': new URL('../../schemas/vm-event-v1.json', import.meta.url),
  'events.cluster': new URL('../../schemas/cluster-event-v1.json', import.meta.url),
  'events.day2': new URL('../../schemas/day2-event-v1.json', import.meta.url),
}
/** Of the faults of one event that many are named, the rest counted. */
const MAX_NAMED = 3

/**
 * Makes a judge that validates events by the published schemas (`schemas/`, which ship with the program) and by size. Its sentences name
 * paths and rules, never a value. Throws a Fault `schemas` when a schema can not be read.
 */
export function eventJudge(): EventJudge {
  const ajv = new Ajv({ allErrors: true, strict: true, formats: { 'date-time': isTime } })
  const validators = new Map(Object.entries(SCHEMAS).map(([stream, file]) => [stream, compile(ajv, file)]))
  return (stream, json) => {
    const bytes = Buffer.byteLength(json)
    if (bytes > MAX_EVENT_BYTES) return `it has ${bytes} bytes, and an event has ${MAX_EVENT_BYTES} at most`
    const validate = validators.get(stream)
    if (validate === undefined) return `${stream} has no schema`
    return validate(JSON.parse(json)) ? '' : explain(validate.errors ?? [])
  }
}

function compile(ajv: Ajv, file: URL): ValidateFunction {
  try {
    return ajv.compile(JSON.parse(readFileSync(file, 'utf8')) as object)
  } catch (error) {
    throw new Fault('schemas', `the schema ${file.pathname} can not be used: ${messageOf(error)}`, {
      hint: 'it comes with virtbridge: install it anew, or set log.validate_events to false',
      cause: error,
    })
  }
}

function isTime(text: string): boolean {
  return !Number.isNaN(Date.parse(text))
}

function explain(errors: readonly ErrorObject[]): string {
  const named = errors.slice(0, MAX_NAMED).map(({ instancePath, message = 'is wrong', params }) => {
    const key: unknown = params['additionalProperty']
    return `${instancePath || '/'} ${message}${typeof key === 'string' ? ` (${key.slice(0, 64)})` : ''}`
  })
  const more = errors.length > MAX_NAMED ? `, and ${errors.length - MAX_NAMED} more` : ''
  return `by its schema: ${named.join('; ')}${more}`
}
