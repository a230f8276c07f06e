import { meets } from '../cluster/label.ts'
import { isVolatile, labelsOf, type Portrait, readPortrait, type VmRecord } from '../vm/index.ts'
import { MAX_GROUP_NAME, type Membership } from './group.ts'
import { type HostVars, type Standing, stateVars } from './host.ts'
import { hostNamer } from './host-name.ts'
import type { VariableWhy } from './connection-why.ts'
import { connectionVariables, kubevirtCoreApproach } from './kubevirt-core-connection.ts'
import { type KubevirtCoreOptions, readsBaseDomain } from './kubevirt-core-options.ts'
import type { Rendering } from './rendering.ts'
import { marked, safe } from './safe.ts'

/** The objects of one VM, as far as the options have it show them; null where there is none. */
interface Shown {
  readonly vm: Portrait | null
  readonly vmi: Portrait | null
}

/**
 * The way of the inventory plugin kubevirt.core.kubevirt 2.2: its names, variables and groups, for who comes from there. What it shows
 * of a VM beyond our record is the portrait of its objects, which the watch keeps where configuration has such a view; until then
 * a record is not whole, and the view is closed.
 *
 * Other than there: docs/migrating-from-kubevirt-core.md, and `ALLOWED` of its test.
 */
export function kubevirtCoreRendering(options: KubevirtCoreOptions): Rendering {
  const approach = kubevirtCoreApproach(options)
  return {
    key: JSON.stringify(['kubevirt.core', options]),
    hostOf: hostNamer(options.host_format),
    varsOf: (record, standing) => {
      const vars = varsOf(record, standing, options)
      return vars === null || options.state === null ? vars : { ...vars, ...stateVars(record, standing, approach) }
    },
    groupsOf: record => groupsOf(record, options),
    approach,
    connectionWhy: (record, standing) => ({
      connection: connectionOf(record, shownOf(record, options).vmi, standing, options),
      not_given: [],
    }),
    sources: [],
    labelKeys: approach.excluded.map(({ key }) => key),
    maxPerSource: options.max_per_label,
    readsBaseDomain: readsBaseDomain(options),
    isWhole: ({ seen, out_of_scope = '' }) => out_of_scope !== '' || isKept(seen.portraits?.vm, options),
  }
}

function isKept(line: string | undefined, { timestamps }: KubevirtCoreOptions): boolean {
  return line !== undefined && (!timestamps || isVolatile(line))
}

function varsOf(record: VmRecord, standing: Standing, options: KubevirtCoreOptions): HostVars | null {
  const { vm, vmi } = shownOf(record, options)
  if (vm === null && vmi === null) return null
  const left = [...leftOf('vm', vm), ...leftOf('vmi', vmi)]
  return {
    ...Object.fromEntries(connectionOf(record, vmi, standing, options).map(({ name, value }) => [name, value])),
    ...(vm === null ? {} : objectVars('vm', record.uid, vm)),
    ...(vmi === null ? {} : objectVars('vmi', record.seen.boot, vmi)),
    ...(left.length === 0 ? {} : { kubevirt_left_out: left.map(safe) }),
  }
}

/** `annotations.KEY` and `status.KEY`, as the variables they would be in. */
function leftOf(prefix: 'vm' | 'vmi', portrait: Portrait | null): readonly string[] {
  const names = (portrait?.left ?? []).map(name => name.replace(/^status\.(.*)$/, (_, key: string) => snakeCase(key)))
  return names.map(name => `${prefix}_${name}`)
}

function connectionOf(
  record: VmRecord,
  vmi: Portrait | null,
  sight: Standing,
  options: KubevirtCoreOptions,
): readonly VariableWhy[] {
  if (vmi === null) return []
  const { baseDomain = '' } = sight
  const own = readsBaseDomain(options) ? { ...options, base_domain: baseDomain } : options
  return connectionVariables({ record, vmi, sight }, own)
}

function shownOf({ seen }: VmRecord, options: KubevirtCoreOptions): Shown {
  const { labels, timestamps } = options
  const portraits = seen.portraits ?? { vm: knownOf(seen), vmi: '' }
  const read = (line: string): Portrait | null => {
    if (line === '') return null
    const portrait = readPortrait(line, timestamps)
    // Of labels that are too many to be kept nothing can be told, and what is not known makes no list shorter.
    return portrait.left.includes('labels') || meets(portrait.labels, labels) ? portrait : null
  }
  const vm = read(portraits.vm)
  const vmi = seen.boot === '' ? null : read(portraits.vmi)
  // It takes no object without a status; a VM is listed all the same, as nothing makes the list shorter but its end.
  return { vm, vmi: vmi?.status === null ? null : vmi }
}

/** Of a VM whose objects can not be asked for any more. */
function knownOf(seen: VmRecord['seen']): string {
  const { status, run_strategy } = seen
  return JSON.stringify({ labels: labelsOf(seen), status: { printableStatus: status, runStrategy: run_strategy } })
}

function objectVars(prefix: 'vm' | 'vmi', uid: string, portrait: Portrait): HostVars {
  const { annotations, labels, status, version } = portrait
  const vars: [string, unknown][] = []
  if (Object.keys(annotations).length > 0) vars.push(['annotations', marked(annotations)])
  if (Object.keys(labels).length > 0) vars.push(['labels', marked(labels)])
  if (version !== null) vars.push(['resource_version', safe(version)])
  vars.push(['uid', safe(uid)])
  for (const [key, value] of Object.entries(status ?? {})) vars.push([snakeCase(key), marked(value)])
  return Object.fromEntries(vars.map(([name, value]) => [`${prefix}_${name}`, value]))
}

/** `guestOSInfo` → `guest_os_info`, `VSOCKCID` → `vsockcid`. */
function snakeCase(key: string): string {
  return key.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()
}

function groupsOf(record: VmRecord, options: KubevirtCoreOptions): readonly Membership[] {
  const { cluster, namespace } = record
  const parent = safeGroup(options.cluster_group || cluster)
  const group = safeGroup(`namespace_${namespace}`)
  const because = `its namespace is ${namespace}`
  const own: Membership[] = options.one_cluster
    ? [{ group, parent, because }]
    : [
        { group: parent, because: `its cluster is ${cluster}` },
        { group, because },
      ]
  if (!options.create_groups) return own
  const { vm, vmi } = shownOf(record, options)
  const known = new Set<string>()
  for (const [key, value] of [vm, vmi].flatMap(object => Object.entries(object?.labels ?? {}))) {
    const label = safeGroup(`label_${key}_${value}`)
    if (known.has(label)) continue
    known.add(label)
    own.push({ group: label, because: `its label ${key} is ${value}`, source: key })
  }
  return own
}

/** As Ansible makes a name one of a group; these two are its own. */
function safeGroup(name: string): string {
  const group = name.replace(/^[^A-Za-z_]|[^A-Za-z0-9_]/g, '_').slice(0, MAX_GROUP_NAME)
  return group === 'all' || group === 'ungrouped' ? `cluster_${group}` : group
}
