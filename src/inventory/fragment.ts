import { hostName, type VmRecord } from '../vm/index.ts'
import { builtinGroups, labelGroup } from './group.ts'
import { hostVars, type Profile, type Standing } from './host.ts'

/** Whom Ansible may be told of: names of Kubernetes, joined by dots. A controller takes 512 characters. */
const HOST = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,511}$/

/** One host, rendered: what every view that has it is spliced from. */
export interface Fragment {
  readonly host: string
  /** Its variables as JSON, for each profile that a view uses. */
  readonly vars: Readonly<Partial<Record<Profile, string>>>
  /** Of each profile: another number when what a view of it reads has changed. */
  readonly revisions: Readonly<Partial<Record<Profile, number>>>
  readonly groups: FragmentGroups
}

/** The groups of a host; the same object for hosts of the same groups, which are many. */
export interface FragmentGroups {
  readonly builtin: readonly string[]
  /** Its group for each label key that a view chose and it has. */
  readonly labels: ReadonlyMap<string, string>
  /** The same for the same groups. */
  readonly key: string
}

/** Groups that are shared; when there are more, it is begun anew. */
const MAX_SHARED_GROUPS = 10_000

/** Keeps one object for hosts of the same groups: a host then costs its variables and little else. */
export class SharedGroups {
  readonly #known = new Map<string, FragmentGroups>()

  get size(): number {
    return this.#known.size
  }

  of(record: VmRecord, labelKeys: readonly string[]): FragmentGroups {
    const builtin = builtinGroups(record).map(({ group }) => group)
    const labels = labelKeys.flatMap(key => {
      const found = labelGroup(record, key)
      return found === null ? [] : [[key, found.group] as const]
    })
    const key = `${builtin.join()} ${labels.join()}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= MAX_SHARED_GROUPS) this.#known.clear()
    const fresh = { builtin, labels: new Map(labels), key }
    this.#known.set(key, fresh)
    return fresh
  }
}

/** True for a name that may stand in an inventory. */
export function isHostName(name: string): boolean {
  return HOST.test(name)
}

/** A host as it is rendered, before it is compared with what it was. */
export type Rendered = Omit<Fragment, 'revisions'>

/** The fragment that follows `known`: what reads the same in a profile keeps its revision, the rest gets this one. */
export function revised(known: Fragment | undefined, rendered: Rendered, revision: number): Fragment {
  const profiles = Object.keys(rendered.vars) as Profile[]
  const revisionOf = (profile: Profile): number =>
    known !== undefined && isSame(known, rendered, profile) ? (known.revisions[profile] ?? revision) : revision
  return { ...rendered, revisions: Object.fromEntries(profiles.map(profile => [profile, revisionOf(profile)])) }
}

/** Renders one host for all views at once, for the profiles that they use. */
export function fragmentOf(
  record: VmRecord,
  standing: Standing,
  wanted: { readonly profiles: readonly Profile[]; readonly groups: FragmentGroups },
): Rendered {
  const vars = wanted.profiles.map(profile => [profile, JSON.stringify(hostVars(record, standing, profile))] as const)
  return { host: hostName(record), vars: Object.fromEntries(vars), groups: wanted.groups }
}

/** True when a view of this profile reads the same in both. */
export function isSame(one: Rendered, other: Rendered, profile: Profile): boolean {
  return one.vars[profile] === other.vars[profile] && one.groups.key === other.groups.key
}
