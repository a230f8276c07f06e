import { messageOf } from '../errors.ts'
import { parseExpression } from '../expression/index.ts'
import type { ViewConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'

/** Groups that Ansible has by itself, and what the names of our own begin with: an expression must not add to them. */
const TAKEN = ['all', 'ungrouped']
const TAKEN_PREFIXES = ['cluster', 'clusterset', 'namespace', 'status', 'os', 'label', 'profile']

const EXPRESSION_HINT =
  'CEL over kubevirt_* and day2_*, as kubevirt_labels[?"tier"].orValue("") == "front"; docs/inventory.md has all of it'

/** What is wrong with the groups of a view that the schema can not say. `path` is that of the groups. */
export function groupFaults({ expressions, parents }: ViewConfig['groups'], path: string): readonly ConfigFault[] {
  return [
    ...expressions.flatMap((one, at) => expressionFaults(one, `${path}.expressions.${at}`)),
    ...twiceNamed(expressions, `${path}.expressions`),
    ...parentFaults(parents, `${path}.parents`),
    ...overlapFaults({ expressions, parents }, path),
  ]
}

/** A text may be what a guest says: it must not come to the name of a group that another rule makes. */
function overlapFaults(
  { expressions, parents }: Pick<ViewConfig['groups'], 'expressions' | 'parents'>,
  path: string,
): readonly ConfigFault[] {
  const makers = expressions.filter(one => givesText(one.expression)).map(({ name }) => name)
  const named = [
    ...expressions.map(({ name }, at) => [`${path}.expressions.${at}.name`, name] as const),
    ...Object.keys(parents).map(name => [`${path}.parents.${name}`, name] as const),
  ]
  return named.flatMap(([where, name]) => {
    const maker = makers.find(one => name.startsWith(`${one}_`))
    if (maker === undefined) return []
    const message = `"${name}" could be a group that the expression "${maker}" makes of a text`
    return [{ path: where, message, hint: 'take another name: a job on the group would have the hosts of both' }]
  })
}

function givesText(expression: string): boolean {
  try {
    return parseExpression(expression).type !== 'bool'
  } catch {
    return false
  }
}

function expressionFaults(
  { name, expression }: { readonly name: string; readonly expression: string },
  path: string,
): readonly ConfigFault[] {
  const faults = nameFaults(name, `${path}.name`)
  try {
    parseExpression(expression)
  } catch (error) {
    return [...faults, { path: `${path}.expression`, message: messageOf(error), hint: EXPRESSION_HINT }]
  }
  return faults
}

function twiceNamed(expressions: readonly { readonly name: string }[], path: string): readonly ConfigFault[] {
  const names = expressions.map(({ name }) => name)
  const again = [...names.entries()].filter(([at, name]) => names.indexOf(name) !== at)
  return again.map(([at, name]) => ({
    path: `${path}.${at}.name`,
    message: `"${name}" is the name of another expression too`,
    hint: 'join the two by || , or take another name',
  }))
}

function parentFaults(parents: ViewConfig['groups']['parents'], path: string): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const parentOf = new Map<string, string>()
  for (const [parent, children] of Object.entries(parents)) {
    faults.push(...nameFaults(parent, `${path}.${parent}`))
    for (const [at, child] of children.entries()) {
      const path_ = `${path}.${parent}.${at}`
      const other = parentOf.get(child)
      if (Object.hasOwn(parents, child))
        faults.push({ path: path_, message: `"${child}" is a parent itself`, hint: 'one level is all there is' })
      else if (other !== undefined)
        faults.push({
          path: path_,
          message: `"${child}" is a child of "${other}" already`,
          hint: 'one parent for each',
        })
      parentOf.set(child, parent)
    }
  }
  return faults
}

function nameFaults(name: string, path: string): readonly ConfigFault[] {
  const [first = ''] = name.split('_', 1)
  if (!TAKEN.includes(name) && !TAKEN_PREFIXES.includes(first)) return []
  return [{ path, message: `"${name}" is, or begins like, a group that is there by itself`, hint: 'take another name' }]
}
