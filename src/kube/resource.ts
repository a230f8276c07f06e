/** Where the resources that virtbridge reads are. */
export const PATHS = {
  virtualmachines: '/apis/kubevirt.io/v1/virtualmachines',
  virtualmachineinstances: '/apis/kubevirt.io/v1/virtualmachineinstances',
  migrations: '/apis/kubevirt.io/v1/virtualmachineinstancemigrations',
  snapshots: '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinesnapshots',
  restores: '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinerestores',
  clones: '/apis/clone.kubevirt.io/v1beta1/virtualmachineclones',
  claims: '/api/v1/persistentvolumeclaims',
  datavolumes: '/apis/cdi.kubevirt.io/v1beta1/datavolumes',
  services: '/api/v1/services',
  clusterdns: '/apis/config.openshift.io/v1/dnses/cluster',
  plans: '/apis/forklift.konveyor.io/v1beta1/plans',
  managedclusters: '/apis/cluster.open-cluster-management.io/v1/managedclusters',
  managedclustersets: '/apis/cluster.open-cluster-management.io/v1beta2/managedclustersets',
} as const

/** The decisions of the placements of one namespace. */
export function placementDecisionsIn(namespace: string): string {
  return `/apis/cluster.open-cluster-management.io/v1beta1/namespaces/${namespace}/placementdecisions`
}

/** A Secret. */
export function secretPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`
}
