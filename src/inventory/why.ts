import type { VmRecord } from '../vm/index.ts'
import type { Closed } from './closed.ts'
import type { ConnectionWhy } from './connection-why.ts'
import { isHostName } from './group-set.ts'
import type { Membership } from './group.ts'
import { reachableBecause, reachOf } from './approach.ts'
import { unkept } from './match.ts'
import type { Standing } from './host.ts'
import type { ProfileWhy } from './profile.ts'
import type { Rendering } from './rendering.ts'
import { notTakenBecause, unknownLabels, type View } from './view.ts'

/** Why a host is in an inventory or not, from recorded data alone. */
export interface Why {
  readonly host: string
  /** Empty for the inventory of the whole fleet. */
  readonly view: string
  readonly listed: boolean
  readonly because: readonly string[]
  readonly enabled: boolean
  readonly enabled_because: string
  readonly groups: readonly Membership[]
  /** Groups of chosen labels that it is not in. */
  readonly not_in: readonly { readonly label: string; readonly because: string }[]
  /** Where each variable of its connection comes from. */
  readonly connection: ConnectionWhy['connection']
  /** Labels and annotations that may give one, and do not. */
  readonly not_given: ConnectionWhy['not_given']
  /** Which profile of day 2 it has, and why; null of a VM of which nothing is told, and where no profiles are configured. */
  readonly profile: ProfileWhy | null
  /** Clusters that keep the inventory closed for everybody; empty while it is open. */
  readonly closed: readonly string[]
}

/** What the answer is made from. */
export interface Evidence {
  readonly host: string
  readonly view: View
  /** What it is asked for in: that of the view, or a format. */
  readonly rendering: Rendering
  /** Null when no VM of this name is known. */
  readonly record: VmRecord | null
  /** The uid of the VM of this name that was deleted; empty when none is remembered. */
  readonly gone: string
  readonly listed: boolean
  /** Why it has not the name that the view asks for; empty when it has. */
  readonly misnamed: string
  /** The host with a better claim to its address; empty when there is none. */
  readonly rival: string
  /** VMs outside of the view may be told of. */
  readonly ofOthers: boolean
  readonly standing: Standing
  readonly profile: ProfileWhy | null
  /** Null while it is open. */
  readonly closed: Closed | null
  /** The view has this group; of all while it is closed. */
  readonly hasGroup: (group: string) => boolean
  /** Why hosts are in a group that different values make; nothing of any other. */
  readonly originsOf: (group: string) => readonly string[]
}

const HIDDEN = 'it is not in this view; of others nothing is told to this token'
const UNKNOWN = 'no VM of this name is known: there was none, it was deleted, or its cluster was never read'

function unknownBecause(gone: string, ofOthers: boolean): string {
  if (!ofOthers) return HIDDEN
  return gone === '' ? UNKNOWN : `its VM was deleted (uid ${gone}); its event deleted says when: virtbridge events`
}

/** Explains one host in one view. Pure. */
export function why(evidence: Evidence): Why {
  const { host, view, rendering, record, gone, listed, ofOthers, standing, profile, closed } = evidence
  const base = { host, view: view.name, listed, profile, closed: closed?.clusters ?? [] }
  if (record === null) return { ...base, because: [unknownBecause(gone, ofOthers)], ...NOWHERE }
  const left = isHostName(host)
    ? notTakenBecause(view, record, standing)
    : ['its name is none that Ansible may be told']
  if (left.length > 0) return { ...base, because: left, ...NOWHERE }
  const memberships = rendering.groupsOf(record, standing)
  return {
    ...base,
    because: takenBecause(evidence, record),
    ...enabledBecause(evidence, record),
    groups: groupsIn(evidence, memberships),
    not_in: [...chosenNotIn(evidence, record, memberships), ...builtNotIn(evidence, memberships)],
    ...rendering.connectionWhy(record, standing),
  }
}

function takenBecause({ view, rendering, misnamed, standing }: Evidence, record: VmRecord): readonly string[] {
  const unsure = unknownLabels(view, rendering, record, standing)
  return [
    view.name === '' ? 'it is known' : 'it is known, and all that the view asks for holds',
    ...(misnamed === '' ? [] : [`it is shown by this name, as ${misnamed}`]),
    ...(unsure.length === 0
      ? []
      : [`which of these labels it has is not known yet, and they count: ${unsure.join(', ')}`]),
  ]
}

function enabledBecause(
  { rendering, rival, ofOthers, standing }: Evidence,
  record: VmRecord,
): Pick<Why, 'enabled' | 'enabled_because'> {
  const { disabled } = reachOf(record, standing, rendering.approach)
  if (disabled === '')
    return { enabled: true, enabled_because: rendering.approach.enabled === 'known' ? KNOWN : reachableBecause(record) }
  const better =
    disabled === 'conflicting address' ? `: ${ofOthers ? rival : 'another VM'} has the better claim to it` : ''
  return { enabled: false, enabled_because: `${disabled}${better}` }
}

function groupsIn({ hasGroup, originsOf }: Evidence, memberships: readonly Membership[]): Why['groups'] {
  return memberships
    .filter(({ group }) => hasGroup(group))
    .map(({ group, because }) => ({
      group,
      because: because + merged(originsOf(group).filter(other => other !== because)),
    }))
}

/** Groups of what the configuration chooses that it has no value for, or that were one too many. */
function chosenNotIn(
  { rendering, standing, hasGroup }: Evidence,
  record: VmRecord,
  memberships: readonly Membership[],
): Why['not_in'] {
  return rendering.sources.flatMap(label => {
    const membership = memberships.find(({ source }) => source === label)
    if (membership !== undefined && hasGroup(membership.group)) return []
    const because =
      membership === undefined
        ? rendering.whyNot?.(record, standing, label) ||
          `it has no label ${label}, or an empty one${unkept(record.seen, label)}`
        : tooMany(rendering, `${label.startsWith('expression ') ? label : 'the label'} makes`, membership)
    return [{ label, because }]
  })
}

/** Groups of what nobody chose that were one too many. */
function builtNotIn({ rendering, hasGroup }: Evidence, memberships: readonly Membership[]): Why['not_in'] {
  return memberships.flatMap(one =>
    one.source === undefined || rendering.sources.includes(one.source) || hasGroup(one.group)
      ? []
      : [{ label: one.source, because: tooMany(rendering, `${one.source} make`, one) }],
  )
}

function tooMany({ maxPerSource }: Rendering, makes: string, { group }: Membership): string {
  return `${makes} more than ${maxPerSource} groups, and ${group} would be one more`
}

/** Others that one group tells of, in words. */
const MAX_OTHERS = 3

function merged(others: readonly string[]): string {
  if (others.length === 0) return ''
  const more = others.length > MAX_OTHERS ? `, and ${others.length - MAX_OTHERS} more` : ''
  return `; the group has hosts of the same name for another reason too: ${others.slice(0, MAX_OTHERS).join(', ')}${more}`
}

const KNOWN = 'the view enables every VM whose cluster can be seen, for work that never connects to it'

const NOWHERE = {
  enabled: false,
  enabled_because: 'it is not in this inventory',
  groups: [],
  not_in: [],
  connection: [],
  not_given: [],
}
