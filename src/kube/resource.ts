/** Where the resources that virtbridge reads are. */
export const PATHS = {
  virtualmachines: '/apis/kubevirt.io/v1/virtualmachines',
  virtualmachineinstances: '/apis/kubevirt.io/v1/virtualmachineinstances',
  migrations: '/apis/kubevirt.io/v1/virtualmachineinstancemigrations',
  snapshots: '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinesnapshots',
  restores: '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinerestores',
  clones: '/apis/clone.kubevirt.io/v1beta1/virtualmachineclones',
  claims: '/api/v1/persistentvolumeclaims',
  plans: '/apis/forklift.konveyor.io/v1beta1/plans',
  managedclusters: '/apis/cluster.open-cluster-management.io/v1/managedclusters',
} as const
