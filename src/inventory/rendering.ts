import type { VmRecord } from '../vm/index.ts'
import { type Approach, USUAL_APPROACH } from './approach.ts'
import { connectionWhy, type ConnectionWhy } from './connection-why.ts'
import { builtinGroups, labelGroup, type Membership } from './group.ts'
import { applyRule, contextOf, type GroupRule, sourceOf } from './group-rule.ts'
import { areKnown } from './given-variable.ts'
import { CANONICAL, hostNamer, type HostNamePart } from './host-name.ts'
import { hostVars, type HostVars, type Profile, type Standing } from './host.ts'

/**
 * One way to show hosts. Views that show them alike share it; each VM is rendered once for each way, when it changes. Pure: the same
 * record and standing give the same output, so that a document is the same after a restart.
 *
 * A way belongs to a view (`View.rendering`); a document may also be asked for in another way (`?format=`), which is the same view with
 * another rendering: who takes a VM is for the view alone.
 */
export interface Rendering {
  /** The same for the same way: equal keys, equal output. */
  readonly key: string
  /**
   * The host's name in this way; canonical is `hostName(record)`. Hosts of one view that would share a name, or have that of a group, and
   * names that Ansible may not be told, are shown by their canonical name instead, with a warning: the engine does that.
   */
  readonly hostOf: (record: VmRecord) => string
  /** Its variables, in stable key order, or null when this way can not show it: then no view of this way lists it. */
  readonly varsOf: (record: VmRecord, standing: Standing) => HostVars | null
  /** Its groups, with what puts it there. One without any is in `ungrouped`: Ansible knows a host by its groups. */
  readonly groupsOf: (record: VmRecord, standing: Standing) => readonly Membership[]
  /** How it reaches a guest: the addresses that it tells are contended for. */
  readonly approach: Approach
  /** Where the variables of the connection that `varsOf` has come from. */
  readonly connectionWhy: (record: VmRecord, standing: Standing) => ConnectionWhy
  /** What may make groups by its values (`Membership.source`), such as keys of labels: an explanation tells of those that made none. */
  readonly sources: readonly string[]
  /** Keys of labels that all of this may be read from; none when it is left out. A view is closed while it is not known who has one. */
  readonly labelKeys?: readonly string[]
  /** Groups that one source may make in a view: the first by name. Hosts with its further values are without that group. */
  readonly maxPerSource: number
  /** It shows hosts by the base domain of their cluster (`Standing.baseDomain`): a view is closed while that is not known. */
  readonly readsBaseDomain?: boolean
  /** False of a record without what this way shows beyond the others; a view is closed while it has one. True when it is left out. */
  readonly isWhole?: (record: VmRecord) => boolean
  /** Why a source put the VM into no group, where it is not for a label that it lacks. */
  readonly whyNot?: (record: VmRecord, standing: Standing, source: string) => string
}

/** Which groups a view has. */
export interface ViewGroups {
  readonly builtin: boolean
  /** Keys of labels. */
  readonly labels: readonly string[]
  /** Groups that one label key may make; hosts with its further values are without that group. */
  readonly maxPerLabel: number
  /** Groups by expressions. */
  readonly rules?: readonly GroupRule[]
  /** Groups of groups: by child, its parent. */
  readonly parents?: ReadonlyMap<string, string>
}

/** How a view shows its hosts in the bridge's own way. */
export interface OwnWay {
  readonly hostName?: readonly HostNamePart[]
  readonly approach?: Approach
  /** Told of each expression that fails for a VM, each time. */
  readonly onFailure?: (rule: string, reason: string) => void
}

/** The bridge's own way: `kubevirt_*` and `day2_*` as the profile has them; by canonical names, unless it says otherwise. */
export function ownRendering(profile: Profile, groups: ViewGroups, way: OwnWay = {}): Rendering {
  const { builtin, labels, maxPerLabel, rules = [], parents = new Map() } = groups
  const { hostName = CANONICAL, approach = USUAL_APPROACH, onFailure } = way
  const said = [builtin, labels, maxPerLabel, rules.map(rule => [rule.name, rule.expression.source]), [...parents]]
  return {
    key: JSON.stringify(['own', profile, said, hostName, approach.key]),
    hostOf: hostNamer(hostName),
    varsOf: (record, standing) => hostVars(record, standing, profile, approach),
    groupsOf: (record, standing) => {
      const own = [
        ...(builtin ? builtinGroups(record, standing.clusterSets, standing.profile) : []),
        ...labels.flatMap(key => labelGroup(record, key) ?? []),
        ...ruledGroups(rules, record, { standing, approach, onFailure }),
      ]
      return parents.size === 0 ? own : own.map(each => below(each, parents))
    },
    approach,
    connectionWhy: (record, standing) => connectionWhy(record, standing, approach),
    sources: [...labels, ...rules.map(sourceOf)],
    labelKeys: [
      ...labels,
      ...rules.flatMap(({ expression }) => expression.labels),
      ...approach.excluded.map(({ key }) => key),
      ...approach.variables.flatMap(({ label }) => label ?? []),
    ],
    maxPerSource: maxPerLabel,
    // What can not be read any more will never be known.
    isWhole: record => (record.out_of_scope ?? '') !== '' || areKnown(record, approach.variables),
    whyNot: (record, standing, source) => {
      const rule = rules.find(one => sourceOf(one) === source)
      if (rule === undefined) return ''
      const { failure } = applyRule(rule, contextOf([rule], record, standing, approach))
      return failure === '' ? 'the expression does not hold, or gives nothing' : `the expression fails: ${failure}`
    },
  }
}

interface Circumstance {
  readonly standing: Standing
  readonly approach: Approach
  readonly onFailure: OwnWay['onFailure']
}

function ruledGroups(
  rules: readonly GroupRule[],
  record: VmRecord,
  { standing, approach, onFailure }: Circumstance,
): readonly Membership[] {
  if (rules.length === 0) return []
  const context = contextOf(rules, record, standing, approach)
  return rules.flatMap(rule => {
    const { groups, failure } = applyRule(rule, context)
    if (failure !== '') onFailure?.(rule.name, failure)
    return groups
  })
}

function below(membership: Membership, parents: ReadonlyMap<string, string>): Membership {
  const parent = parents.get(membership.group)
  return parent === undefined ? membership : { ...membership, parent }
}
