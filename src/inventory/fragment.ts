import { hostName, type VmRecord } from '../vm/index.ts'
import type { Membership } from './group.ts'
import type { Standing } from './host.ts'
import type { Rendering } from './rendering.ts'

/** Whom Ansible may be told of: names of Kubernetes, joined by dots. A controller takes 512 characters. */
const HOST = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,511}$/

/** One host, rendered in each way that a view uses: what every view that has it is spliced from. */
export interface Fragment {
  readonly host: string
  /** By the key of the rendering. */
  readonly shown: Readonly<Record<string, Shown>>
}

/** One host in one way. */
export interface Shown {
  /** Its variables as JSON. */
  readonly vars: string
  readonly groups: FragmentGroups
  /** Another number when any of it has changed. */
  readonly revision: number
}

/** The groups of a host; the same object for hosts of the same groups, which are many. */
export interface FragmentGroups {
  readonly of: readonly Membership[]
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

  of(memberships: readonly Membership[]): FragmentGroups {
    const key = memberships.map(({ group, source = '', parent = '' }) => `${group} ${source} ${parent}`).join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= MAX_SHARED_GROUPS) this.#known.clear()
    const fresh = { of: memberships, key }
    this.#known.set(key, fresh)
    return fresh
  }
}

/** True for a name that may stand in an inventory. */
export function isHostName(name: string): boolean {
  return HOST.test(name)
}

/** The fragment that follows `known`: what reads the same in a way keeps its revision, the rest gets this one. */
export function revised(known: Fragment | undefined, fragment: Fragment): Fragment {
  const shown = Object.entries(fragment.shown).map(([key, is]) => {
    const was = known?.shown[key]
    return [key, was !== undefined && was.vars === is.vars && was.groups.key === is.groups.key ? was : is] as const
  })
  return { ...fragment, shown: Object.fromEntries(shown) }
}

/** Renders one host for all views at once, in each way that they use. */
export function fragmentOf(
  record: VmRecord,
  standing: Standing,
  wanted: { readonly renderings: readonly Rendering[]; readonly groups: SharedGroups; readonly revision: number },
): Fragment {
  const { renderings, groups, revision } = wanted
  const shown = renderings.flatMap(rendering => {
    const vars = rendering.varsOf(record, standing)
    if (vars === null) return []
    const own = groups.of(rendering.groupsOf(record, standing))
    return [[rendering.key, { vars: JSON.stringify(vars), groups: own, revision }] as const]
  })
  return { host: hostName(record), shown: Object.fromEntries(shown) }
}
