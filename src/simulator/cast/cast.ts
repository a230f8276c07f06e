import type { Sketch } from './guest-vm.ts'

/** The clusters of the demo. */
export const CLUSTERS = ['dev-1', 'prod-1'] as const
export type ClusterName = (typeof CLUSTERS)[number]

/** The nodes that guests run on. */
export const NODES: Readonly<Record<ClusterName, readonly string[]>> = {
  'dev-1': ['dev-1-worker-0', 'dev-1-worker-1'],
  'prod-1': ['prod-1-worker-0', 'prod-1-worker-1', 'prod-1-worker-2'],
}

/** Half of the pair that GitOps keeps: applied by Argo CD, stopped until somebody starts it. */
function fedora(environment: 'dev' | 'prod'): Sketch {
  const name = `${environment}-fedora`
  return {
    namespace: 'gitops',
    name,
    os: 'fedora',
    runStrategy: 'Halted',
    labels: { environment },
    annotations: {
      'argocd.argoproj.io/tracking-id': `fedora-${environment}:kubevirt.io/VirtualMachine:gitops/${name}`,
    },
  }
}

/** Who is there when the demo begins, running since days but for the Fedora pair. */
export const CAST: Readonly<Record<ClusterName, readonly Sketch[]>> = {
  'dev-1': [
    { namespace: 'shop', name: 'web-1', os: 'rhel9', labels: { tier: 'web', environment: 'dev' } },
    { namespace: 'shop', name: 'db-1', os: 'debian12', labels: { tier: 'db', environment: 'dev' } },
    {
      namespace: 'desktops',
      name: 'win10-desk',
      os: 'windows10',
      instancetype: 'u1.large',
      vlan: 'vlan-120',
      labels: { environment: 'dev' },
    },
    fedora('dev'),
    { namespace: 'build', name: 'runner-1', os: 'ubuntu24.04', labels: { environment: 'dev' } },
    { namespace: 'build', name: 'runner-2', os: 'ubuntu24.04', labels: { environment: 'dev' } },
    {
      namespace: 'build',
      name: 'meter-1',
      os: 'debian12',
      instancetype: 'u1.small',
      agent: false,
      labels: { environment: 'dev' },
    },
  ],
  'prod-1': [
    {
      namespace: 'shop',
      name: 'rhel9-server',
      os: 'rhel9',
      instancetype: null,
      labels: { tier: 'app', environment: 'prod' },
    },
    { namespace: 'shop', name: 'web-1', os: 'rhel9', labels: { tier: 'web', environment: 'prod' } },
    { namespace: 'shop', name: 'web-2', os: 'rhel9', labels: { tier: 'web', environment: 'prod' } },
    {
      namespace: 'shop',
      name: 'db-1',
      os: 'debian12',
      instancetype: 'u1.large',
      labels: { tier: 'db', environment: 'prod' },
    },
    {
      namespace: 'files',
      name: 'win2019-files',
      os: 'windows2k19',
      instancetype: 'u1.large',
      vlan: 'vlan-120',
      secondDisk: true,
      labels: { environment: 'prod' },
    },
    fedora('prod'),
    { namespace: 'mail', name: 'mail-1', os: 'ubuntu24.04', labels: { environment: 'prod' } },
  ],
}
