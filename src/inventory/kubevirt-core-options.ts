import type { Requirement } from '../cluster/label.ts'
import type { Enabled } from './approach.ts'
import type { HostNamePart } from './host-name.ts'

/** The options of kubevirt.core.kubevirt that say how hosts are shown, by the names that it gives them. */
export interface KubevirtCoreOptions {
  /** Of the name, the namespace, the uid and, which it does not have, the cluster. */
  readonly host_format: readonly HostNamePart[]
  /** What it calls `name`: the group of the cluster; empty for the name of the cluster. */
  readonly cluster_group: string
  /** What it calls `label_selector`: taken of the labels of the VM and of those of its VMI, each for itself. */
  readonly labels: readonly Requirement[]
  /**
   * Its hosts are of one cluster, whose group has those of the namespaces below it, as there. Otherwise they stand beside each other: a
   * namespace may be on several clusters, and would bring the hosts of all of them into each.
   */
  readonly one_cluster: boolean
  /** Empty for the first interface. */
  readonly network_name: string
  readonly kube_secondary_dns: boolean
  readonly use_service: boolean
  readonly unset_ansible_port: boolean
  readonly create_groups: boolean
  /** Groups that one label key makes at most: every VM has a `kubevirt.io/domain` of its own. */
  readonly max_per_label: number
  /** Empty for that of the cluster (`Standing.baseDomain`). */
  readonly base_domain: string
  readonly append_base_domain: boolean
  readonly default_win_ansible_connection: string
  /** Which it has not: who may be worked on, in our own variables beside its, and what decides that. Null: none. */
  readonly state: { readonly excluded: readonly Requirement[]; readonly enabled: Enabled } | null
  /** Which it always shows: resourceVersions, and every instant of a status. */
  readonly timestamps: boolean
}

/** As many as a cluster has VMs: there the groups of a label that each VM has for itself are those of the plugin. */
const MAX_PER_LABEL = 20_000

/** What says whether hosts are shown by a base domain, and which. */
type OfBaseDomain = Pick<
  KubevirtCoreOptions,
  'network_name' | 'kube_secondary_dns' | 'use_service' | 'append_base_domain' | 'base_domain'
>

/** True when hosts may be shown by a base domain and none is written down: then it is that of their cluster. Pure. */
export function readsBaseDomain(options: OfBaseDomain): boolean {
  const { network_name, kube_secondary_dns, use_service, append_base_domain, base_domain } = options
  if (base_domain !== '') return false
  return network_name === '' ? use_service && append_base_domain : kube_secondary_dns
}

/** Its defaults, but for what changes without any news. */
export const KUBEVIRT_CORE_DEFAULTS: KubevirtCoreOptions = {
  host_format: [{ field: 'namespace' }, '-', { field: 'name' }],
  cluster_group: '',
  one_cluster: false,
  labels: [],
  network_name: '',
  kube_secondary_dns: false,
  use_service: true,
  unset_ansible_port: true,
  create_groups: false,
  max_per_label: MAX_PER_LABEL,
  base_domain: '',
  append_base_domain: false,
  default_win_ansible_connection: 'winrm',
  state: null,
  timestamps: false,
}
