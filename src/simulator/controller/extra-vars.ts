import { parse } from 'yaml'
import type { Variables } from './records.ts'

/**
 * Variables as an API field holds them: an object, or JSON or YAML text of one. An empty text is no variables.
 * Anything else gives the product's sentence for it.
 */
export function parseVariables(value: unknown): { ok: true; variables: Variables } | { ok: false; message: string } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return { ok: true, variables: value as Variables }
  if (typeof value !== 'string') {
    const type = Array.isArray(value)
      ? 'list'
      : value === null
        ? 'NoneType'
        : typeof value === 'boolean'
          ? 'bool'
          : 'int'
    return refuse(
      `the JSON object must be str, bytes or bytearray, not ${type}`,
      `'${type}' object has no attribute 'read'`,
    )
  }
  if (value.trim() === '') return { ok: true, variables: {} }
  try {
    const parsed: unknown = parse(value)
    if (parsed === null) return { ok: true, variables: {} }
    if (typeof parsed === 'object' && !Array.isArray(parsed)) return { ok: true, variables: parsed as Variables }
    return refuse('Expecting value', 'Input type is not a dictionary')
  } catch {
    return refuse('Expecting property name enclosed in double quotes', 'while parsing a flow node')
  }
}

function refuse(json: string, yaml: string): { ok: false; message: string } {
  return { ok: false, message: `Cannot parse as JSON (error: ${json}) or YAML (error: ${yaml}).` }
}
