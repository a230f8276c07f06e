import { type Expression, type HostContext, hostContext, parseExpression } from '../expression/index.ts'
import type { VmRecord } from '../vm/index.ts'
import { type Approach, USUAL_APPROACH } from './approach.ts'
import { groupName, MAX_GROUP_NAME, type Membership } from './group.ts'
import { hostVars, type Standing } from './host.ts'
import { plain } from './safe.ts'

/** Groups by an expression over the variables of a host. */
export interface GroupRule {
  /** The group, of a condition; else what its groups begin with. */
  readonly name: string
  readonly expression: Expression
}

/** What an expression gave for one VM: groups, or why it could not say. */
export interface RuleOutcome {
  readonly groups: readonly Membership[]
  /** Empty when it could. */
  readonly failure: string
}

/** A rule from its text. Throws an Error that says what is wrong with the expression. */
export function ruleOf(name: string, expression: string): GroupRule {
  return { name, expression: parseExpression(expression) }
}

/** What a rule is called where groups are told of by what makes them (`Membership.source`). */
export function sourceOf(rule: GroupRule): string {
  return `expression ${rule.name}`
}

/** The variables of a VM that rules read: of those of the profile `full`, without the marks that Ansible needs. */
export function contextOf(
  rules: readonly GroupRule[],
  record: VmRecord,
  standing: Standing,
  approach: Approach = USUAL_APPROACH,
): HostContext {
  const vars = hostVars(record, standing, 'full', approach)
  const read: Record<string, unknown> = {}
  for (const { expression } of rules) for (const name of expression.reads) read[name] = plain(vars[name])
  return hostContext(read)
}

/** Puts a VM into the groups that an expression says; into none where it fails, and into none for an empty text. Pure. */
export function applyRule(rule: GroupRule, host: HostContext): RuleOutcome {
  const { name, expression } = rule
  const source = sourceOf(rule)
  try {
    const given = expression.of(host)
    if (typeof given === 'boolean')
      return {
        groups: given ? [{ group: name, because: `the expression ${name} holds`, source }] : [],
        failure: '',
      }
    const values = (typeof given === 'string' ? [given] : given).filter(value => value !== '')
    const groups = values.map(value => ({
      group: groupName(name, value),
      because: `the expression ${name} gives ${shortened(value)}`,
      source,
    }))
    return { groups, failure: '' }
  } catch (error) {
    return { groups: [], failure: error instanceof Error ? error.message : 'it failed' }
  }
}

/** It is kept for each group and each VM: what the name of the group has no room for says nothing of why. */
function shortened(value: string): string {
  const more = value.length - MAX_GROUP_NAME
  return more > 0 ? `${value.slice(0, MAX_GROUP_NAME).toWellFormed()} (and ${more} more)` : value
}
