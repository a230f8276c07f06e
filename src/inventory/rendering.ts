import { hostName, type VmRecord } from '../vm/index.ts'
import { builtinGroups, labelGroup, type Membership } from './group.ts'
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
  /** What may make groups by its values (`Membership.source`), such as keys of labels: an explanation tells of those that made none. */
  readonly sources: readonly string[]
  /** Groups that one source may make in a view: the first by name. Hosts with its further values are without that group. */
  readonly maxPerSource: number
}

/** Which groups a view has. */
export interface ViewGroups {
  readonly builtin: boolean
  /** Keys of labels. */
  readonly labels: readonly string[]
  /** Groups that one label key may make; hosts with its further values are without that group. */
  readonly maxPerLabel: number
}

/** The bridge's own way: `kubevirt_*` and `day2_*` as the profile has them, by canonical names. */
export function ownRendering(profile: Profile, groups: ViewGroups): Rendering {
  const { builtin, labels, maxPerLabel } = groups
  return {
    key: JSON.stringify(['own', profile, builtin, labels, maxPerLabel]),
    hostOf: hostName,
    varsOf: (record, standing) => hostVars(record, standing, profile),
    groupsOf: record => [
      ...(builtin ? builtinGroups(record) : []),
      ...labels.flatMap(key => labelGroup(record, key) ?? []),
    ],
    sources: labels,
    maxPerSource: maxPerLabel,
  }
}
