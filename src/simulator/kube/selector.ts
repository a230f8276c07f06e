import type { KubeObject } from './object.ts'
import { badRequest } from './status.ts'

/** Does this object belong to the answer? */
export type Selector = (object: KubeObject) => boolean

/** One requirement of a label selector, in the order in which they must be tried. */
const REQUIREMENTS: readonly {
  form: RegExp
  holds: (value: string | undefined, wanted: readonly string[]) => boolean
}[] = [
  { form: /^(\S+)\s+in\s+\(([^)]*)\)$/, holds: (value, wanted) => value !== undefined && wanted.includes(value) },
  { form: /^(\S+)\s+notin\s+\(([^)]*)\)$/, holds: (value, wanted) => value === undefined || !wanted.includes(value) },
  { form: /^([^!=\s]+)\s*!=\s*(\S*)$/, holds: (value, wanted) => value !== wanted[0] },
  { form: /^([^!=\s]+)\s*==?\s*(\S*)$/, holds: (value, wanted) => value === wanted[0] },
  { form: /^!\s*([^!=\s]+)$/, holds: value => value === undefined },
  { form: /^([^!=\s()]+)$/, holds: value => value !== undefined },
]

/**
 * A label selector: equality (`a=b`, `a!=b`), sets (`a in (b,c)`, `a notin (b)`) and presence (`a`, `!a`), joined by commas.
 *
 * @throws StatusError 400 for anything else, as the API server does
 */
export function labelSelector(text: string): Selector {
  const tests = splitOutsideParentheses(text).map(requirement)
  return object => tests.every(test => test(object.metadata.labels ?? {}))
}

function requirement(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  for (const { form, holds } of REQUIREMENTS) {
    const match = form.exec(text)
    const key = match?.[1]
    if (key === undefined) continue
    const wanted = (match?.[2] ?? '').split(',').map(value => value.trim())
    return labels => holds(labels[key], wanted)
  }
  throw badRequest(`unable to parse requirement: ${text}`)
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '')
}

/**
 * A field selector. Custom resources know only `metadata.name` and `metadata.namespace`.
 *
 * @throws StatusError 400 for other fields
 */
export function fieldSelector(text: string): Selector {
  const tests = text
    .split(',')
    .filter(part => part !== '')
    .map(part => {
      const match = /^metadata\.(name|namespace)==?(.*)$/.exec(part)
      if (match === null) throw badRequest(`field label not supported: ${part.split('=')[0]}`)
      const field = match[1] === 'name' ? 'name' : 'namespace'
      return (object: KubeObject) => (object.metadata[field] ?? '') === match[2]
    })
  return object => tests.every(test => test(object))
}
