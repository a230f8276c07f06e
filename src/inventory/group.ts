import { labelsOf, type VmRecord } from '../vm/index.ts'
import { KNOWN_OS } from './known-os.ts'
import { type GuestProfile, NO_PROFILE } from './profile.ts'

/** A group, and what of a VM puts it there. */
export interface Membership {
  /** From `[A-Za-z0-9_]` alone: no canonical host name is without a dot, so none is that of a group. */
  readonly group: string
  readonly because: string
  /** What makes groups by its values, and may make only so many, as a label key does. Left out: it makes no more than there are. */
  readonly source?: string
  /** The group that this one is a child of; left out: of `all`. A parent has no hosts but those of its children, unless they say so. */
  readonly parent?: string
}

/** What groups are told of by that an id makes which nobody knows but its guest. */
const GUEST_OS = 'operating systems that only guests tell'

/** Characters of a group's name; those of Kubernetes have at most 253, and a controller takes 512. */
export const MAX_GROUP_NAME = 400

/** The groups that every VM is in by what it is. */
export function builtinGroups(
  record: VmRecord,
  clusterSets: readonly string[] = [],
  { chain }: GuestProfile = NO_PROFILE,
): readonly Membership[] {
  const { seen } = record
  const groups: Membership[] = [
    { group: groupName('cluster', record.cluster), because: `its cluster is ${record.cluster}` },
    ...clusterSets.map(set => ({ group: groupName('clusterset', set), because: `its cluster is in the set ${set}` })),
    { group: groupName('namespace', record.namespace), because: `its namespace is ${record.namespace}` },
    { group: groupName('status', seen.status), because: `its status is ${seen.status}` },
  ]
  for (const os of new Set([seen.os.family, seen.os.id])) {
    const because = `its operating system is ${os}`
    if (os !== '')
      groups.push({
        group: groupName('os', os),
        because,
        ...(KNOWN_OS.has(os.toLowerCase()) ? {} : { source: GUEST_OS }),
      })
  }
  for (const name of chain)
    groups.push({ group: groupName('profile', name), because: `its profile is ${chain.join(', below it ')}` })
  return groups
}

/** The group that a label puts a VM in; null when it does not have the label, or an empty one. */
export function labelGroup(record: VmRecord, key: string): Membership | null {
  const labels = labelsOf(record.seen)
  // A label may be called like a member of every object.
  const value = Object.hasOwn(labels, key) ? (labels[key] ?? '') : ''
  if (value === '') return null
  return { group: groupName(groupName('label', key), value), because: `its label ${key} is ${value}`, source: key }
}

/** The groups of one VM, each once. Names are from `[a-z0-9_]` alone, and begin with what they are made from. */
export function groupsOf(record: VmRecord, labelKeys: readonly string[]): readonly string[] {
  const all = [...builtinGroups(record), ...labelKeys.map(key => labelGroup(record, key))]
  return [...new Set(all.flatMap(one => (one === null ? [] : [one.group])))]
}

/** The name of a group: from `[a-z0-9_]` alone, whatever the value, and at most `MAX_GROUP_NAME` long. */
export function groupName(prefix: string, value: string): string {
  return `${prefix}_${value}`
    .replace(/[^A-Za-z0-9_]/g, '_')
    .toLowerCase()
    .slice(0, MAX_GROUP_NAME)
}
