/** Where the resources that virtbridge reads are. */
export const PATHS = {
  virtualmachines: '/apis/kubevirt.io/v1/virtualmachines',
  virtualmachineinstances: '/apis/kubevirt.io/v1/virtualmachineinstances',
  managedclusters: '/apis/cluster.open-cluster-management.io/v1/managedclusters',
} as const
