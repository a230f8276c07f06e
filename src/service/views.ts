import { type Config, parseHostFormat, parseSelector, type ViewConfig } from '../config/index.ts'
import {
  type Approach,
  approachOf,
  type Connection,
  type InventoryOptions,
  KUBEVIRT_CORE_DEFAULTS,
  kubevirtCoreRendering,
  MAX_LABEL_GROUPS,
  ownRendering,
  Profiles,
  readsBaseDomain,
  type Rendering,
  ruleOf,
  USUAL_APPROACH,
  type View,
} from '../inventory/index.ts'

/** Hosts that a view may lack, whatever share of it they are, where it says nothing of that. */
const FEW_HOSTS = 10

/** Called when an expression of a view fails for a VM, with the expression and why. */
export type OnFailure = (expression: string, reason: string) => void

/** Translates what the configuration says of views, networks and profiles into what the inventory takes. Throws nothing for a configuration that was validated. */
export function inventoryParts(
  { inventory, profiles }: Pick<Config, 'inventory' | 'profiles'>,
  onFailure: OnFailure,
): Pick<InventoryOptions, 'labelGroups' | 'views' | 'networks' | 'formats' | 'profiles' | 'shrink'> {
  const bySets = profiles.some(({ cluster_sets = [] }) => cluster_sets.length > 0)
  return {
    profiles: profilesOf(profiles),
    labelGroups: inventory.label_groups,
    shrink: shrinkIn(inventory),
    formats: new Map(inventory.formats.map(format => [format, kubevirtCoreRendering(KUBEVIRT_CORE_DEFAULTS)])),
    views: inventory.views.map(view => ({
      ...viewOf(view, onFailure),
      profilesBySets: bySets && view.profiles !== undefined,
    })),
    networks: inventory.networks.map(network => ({ clusters: [], namespaces: [], ...network })),
  }
}

/** True when a view may show hosts of this cluster by its base domain. Pure. */
export function wantsBaseDomain({ inventory }: Pick<Config, 'inventory'>, cluster: string): boolean {
  return inventory.views.some(
    ({ format, clusters = [cluster], kubevirt_core }) =>
      format === 'kubevirt.core' && clusters.includes(cluster) && readsBaseDomain(kubevirt_core),
  )
}

/** The configured profiles, ready to match VMs. */
function profilesOf(profiles: Config['profiles']): Profiles {
  const rules = profiles.map(({ name, parent, clusters, cluster_sets, namespaces, selector, os, variables }) => ({
    name,
    parent,
    clusters: clusters ?? [],
    clusterSets: cluster_sets ?? [],
    namespaces: namespaces ?? [],
    labels: parseSelector(selector),
    os: os ?? [],
    variables,
  }))
  return new Profiles(rules)
}

function viewOf(view: ViewConfig, onFailure: OnFailure): Omit<View, 'profilesBySets'> {
  const { profiles = [] } = view
  const { name, clusters = [], cluster_sets = [], namespaces = [], os = [], status = [], reachable = null } = view
  const { builtin, labels, max_per_label, expressions, parents } = view.groups
  const groups = {
    builtin,
    labels,
    maxPerLabel: max_per_label ?? MAX_LABEL_GROUPS,
    rules: expressions.map(one => ruleOf(one.name, one.expression)),
    parents: new Map(Object.entries(parents).flatMap(([parent, children]) => children.map(child => [child, parent]))),
  }
  return {
    name,
    clusters,
    clusterSets: cluster_sets,
    namespaces,
    labels: parseSelector(view.selector),
    os,
    profiles,
    status,
    reachable,
    rendering:
      view.format === 'kubevirt.core'
        ? kubevirtCoreWay(view)
        : ownRendering(view.profile, groups, {
            hostName: parseHostFormat(view.host_name),
            approach: approachIn(view),
            onFailure,
          }),
    onStale: view.on_stale,
    shrink: shrinkIn(view),
  }
}

/**
 * How much shorter a view, or the whole, may get at once. One that says nothing of it may lack half of its hosts, or some: whoever joins and leaves it by
 * what people write down does so in smaller numbers, or means it. Who is running or reachable changes by itself, as when all are stopped
 * over night.
 */
function shrinkIn({
  max_shrink,
  status = [],
  reachable,
}: Partial<Pick<ViewConfig, 'max_shrink' | 'status' | 'reachable'>>): View['shrink'] {
  if (max_shrink !== undefined) return { most: max_shrink, few: 0 }
  return { most: status.length > 0 || reachable !== undefined ? 100 : 50, few: FEW_HOSTS }
}

/** How any view of ours reaches its hosts, and who asks for the whole: an inventory of the controller may be of each of them. */
export function approachesIn({ inventory }: Pick<Config, 'inventory'>): readonly Approach[] {
  const own = inventory.views.filter(({ format }) => format === 'virtbridge').map(approachIn)
  return [...new Map([USUAL_APPROACH, ...own].map(approach => [approach.key, approach])).values()]
}

function kubevirtCoreWay({ clusters = [], kubevirt_core, groups, exclude, enabled }: ViewConfig): Rendering {
  const { name, label_selector, host_format, state, ...same } = kubevirt_core
  return kubevirtCoreRendering({
    ...same,
    state: state ? { excluded: parseSelector(exclude), enabled } : null,
    cluster_group: name,
    one_cluster: clusters.length === 1,
    labels: parseSelector(label_selector),
    host_format: parseHostFormat(host_format),
    max_per_label: groups.max_per_label ?? KUBEVIRT_CORE_DEFAULTS.max_per_label,
  })
}

function approachIn({ addresses, connection, exclude, variables, enabled }: ViewConfig): Approach {
  const { prefer, otherwise, pod_network } = addresses
  return approachOf({
    addresses: { prefer, otherwise, podNetwork: pod_network },
    connection: connectionIn(connection),
    excluded: parseSelector(exclude),
    variables,
    enabled,
  })
}

function connectionIn({ linux, windows }: ViewConfig['connection']): Connection {
  const { type, transport, scheme, certificate, kerberos_name } = windows
  return {
    linux: pathIn(linux),
    windows: {
      ...pathIn(windows),
      type,
      transport,
      scheme,
      certificate,
      kerberosName: kerberos_name === '' ? null : parseHostFormat(kerberos_name),
    },
  }
}

function pathIn(path: ViewConfig['connection']['linux']): Connection['linux'] {
  const { via, dns_name, port, user, service_ports, node_domain, virtctl } = path
  const { kubeconfig, context } = virtctl
  const dnsName = dns_name === '' ? null : parseHostFormat(dns_name)
  return {
    via,
    dnsName,
    port,
    user,
    servicePorts: service_ports,
    nodeDomain: node_domain,
    virtctl: { kubeconfig, context },
  }
}
