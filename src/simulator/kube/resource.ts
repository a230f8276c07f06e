/** One kind of object that a server serves. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** With a status subresource the main endpoint ignores `status`, and only a changed `spec` raises `generation`. */
  readonly statusSubresource: boolean
  /** Kinds built into the API server, such as namespaces, count no generations. */
  readonly generations: boolean
  /** Fields that an object must have: what of the CRD's schema the simulator itself lives on. */
  readonly required: readonly string[]
}

function custom(group: string, version: string, plural: string, kind: string): Resource {
  const required: string[] = []
  return { group, version, plural, kind, namespaced: true, statusSubresource: true, generations: true, required }
}

export const NAMESPACES: Resource = {
  ...custom('', 'v1', 'namespaces', 'Namespace'),
  namespaced: false,
  generations: false,
}
export const CONFIG_MAPS: Resource = {
  ...custom('', 'v1', 'configmaps', 'ConfigMap'),
  statusSubresource: false,
  generations: false,
}
export const VMS: Resource = {
  ...custom('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine'),
  required: [
    'spec',
    'spec.template',
    'spec.template.spec',
    'spec.template.spec.domain',
    'spec.template.spec.domain.devices',
  ],
}
/** KubeVirt serves no status subresource for it: every status write raises its generation. */
export const VMIS: Resource = {
  ...custom('kubevirt.io', 'v1', 'virtualmachineinstances', 'VirtualMachineInstance'),
  statusSubresource: false,
  required: ['spec', 'spec.domain', 'spec.domain.devices'],
}
export const MIGRATIONS: Resource = {
  ...custom('kubevirt.io', 'v1', 'virtualmachineinstancemigrations', 'VirtualMachineInstanceMigration'),
  required: ['spec'],
}
export const SNAPSHOTS: Resource = {
  ...custom('snapshot.kubevirt.io', 'v1beta1', 'virtualmachinesnapshots', 'VirtualMachineSnapshot'),
  required: ['spec', 'spec.source'],
}
export const RESTORES: Resource = {
  ...custom('snapshot.kubevirt.io', 'v1beta1', 'virtualmachinerestores', 'VirtualMachineRestore'),
  required: ['spec', 'spec.target', 'spec.virtualMachineSnapshotName'],
}
export const CLONES: Resource = {
  ...custom('clone.kubevirt.io', 'v1beta1', 'virtualmachineclones', 'VirtualMachineClone'),
  required: ['spec', 'spec.source'],
}
export const CLAIMS: Resource = {
  ...custom('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  generations: false,
}
/** Of the importer: only what it says went wrong matters here, and nobody plays its controller. */
export const DATA_VOLUMES: Resource = custom('cdi.kubevirt.io', 'v1beta1', 'datavolumes', 'DataVolume')
export const SERVICES: Resource = {
  ...custom('', 'v1', 'services', 'Service'),
  generations: false,
}
/** Of the migration toolkit: what is to be moved, and each time that it is tried. */
export const PLANS: Resource = { ...custom('forklift.konveyor.io', 'v1beta1', 'plans', 'Plan'), required: ['spec'] }
export const RUNS: Resource = {
  ...custom('forklift.konveyor.io', 'v1beta1', 'migrations', 'Migration'),
  required: ['spec', 'spec.plan'],
}
export const MANAGED_CLUSTERS: Resource = {
  ...custom('cluster.open-cluster-management.io', 'v1', 'managedclusters', 'ManagedCluster'),
  namespaced: false,
}
const CLUSTER_SETS: Resource = {
  ...custom('cluster.open-cluster-management.io', 'v1beta2', 'managedclustersets', 'ManagedClusterSet'),
  namespaced: false,
}
export const PLACEMENT_DECISIONS: Resource = custom(
  'cluster.open-cluster-management.io',
  'v1beta1',
  'placementdecisions',
  'PlacementDecision',
)
export const SECRETS: Resource = {
  ...custom('', 'v1', 'secrets', 'Secret'),
  statusSubresource: false,
  generations: false,
}

/** What a cluster that runs KubeVirt serves. */
export const CLUSTER_RESOURCES: readonly Resource[] = [
  NAMESPACES,
  CONFIG_MAPS,
  VMS,
  VMIS,
  MIGRATIONS,
  SNAPSHOTS,
  RESTORES,
  CLONES,
  CLAIMS,
  DATA_VOLUMES,
  SERVICES,
]

/** What a hub serves. */
export const HUB_RESOURCES: readonly Resource[] = [
  NAMESPACES,
  CONFIG_MAPS,
  SECRETS,
  MANAGED_CLUSTERS,
  PLANS,
  RUNS,
  CLUSTER_SETS,
  PLACEMENT_DECISIONS,
]

/** `group/version`, or the bare version of the core group: what objects carry as `apiVersion`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** `plural.group`, the name that API errors use. */
export function resourceName(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}
