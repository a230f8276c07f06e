import type { Draft } from '../kube/object.ts'
import { AGENT_ANNOTATION } from '../virt/guest.ts'
import type { RunStrategy } from '../virt/objects.ts'

/** Label by which the demo's controller knows how the onboarding of a VM is to go. */
export const OUTCOME_LABEL = 'demo.virtbridge.io/outcome'
/** Value of `OUTCOME_LABEL` for a VM whose onboarding fails. */
export const OUTCOME_FAILED = 'failed'
/** The password in the cloud-init data of the cast: whoever finds it outside the clusters has found a leak. */
export const CLOUD_INIT_PASSWORD = 'correct-horse-battery-staple'
/** Tells the holders of one name apart: the second VM of a name carries `2`. */
export const INCARNATION_ANNOTATION = 'demo.virtbridge.io/incarnation'

/** The operating systems of the cast, by the names that templates use. */
export type Os = 'rhel9' | 'fedora' | 'debian12' | 'ubuntu24.04' | 'windows10' | 'windows2k19'

/** A VM in a few words. */
export interface Sketch {
  namespace: string
  name: string
  os: Os
  /** `u1.medium` unless told; null for a VM made from an OpenShift template, which has its size in itself. */
  instancetype?: 'u1.small' | 'u1.medium' | 'u1.large' | null
  runStrategy?: RunStrategy
  labels?: Readonly<Record<string, string>>
  annotations?: Readonly<Record<string, string>>
  /** Name of a multus network that the guest is bridged to, besides the pod network. */
  vlan?: string
  secondDisk?: boolean
  /** `false` for a guest without qemu-guest-agent. */
  agent?: boolean
  incarnation?: number
}

/** Where the golden image of each system comes from, and what it needs. */
const IMAGES: Readonly<Record<Os, { source: string; preference: string; storage: string; windows: boolean }>> = {
  rhel9: { source: 'rhel9', preference: 'rhel.9', storage: '30Gi', windows: false },
  fedora: { source: 'fedora', preference: 'fedora', storage: '30Gi', windows: false },
  debian12: { source: 'debian12', preference: 'debian', storage: '20Gi', windows: false },
  'ubuntu24.04': { source: 'ubuntu2404', preference: 'ubuntu', storage: '20Gi', windows: false },
  windows10: { source: 'win10', preference: 'windows.10.virtio', storage: '64Gi', windows: true },
  windows2k19: { source: 'win2k19', preference: 'windows.2k19.virtio', storage: '60Gi', windows: true },
}

/** The VirtualMachine of a sketch, as somebody would have applied it. */
export function vmOf(sketch: Sketch): Draft {
  const { namespace, name, os, vlan, runStrategy = 'Always', instancetype = 'u1.medium' } = sketch
  const image = IMAGES[os]
  const templated = instancetype === null
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: {
      namespace,
      name,
      labels: { app: name, ...(templated ? templateLabels(os) : {}), ...sketch.labels },
      annotations: {
        ...sketch.annotations,
        ...(sketch.incarnation === undefined ? {} : { [INCARNATION_ANNOTATION]: String(sketch.incarnation) }),
      },
    },
    spec: {
      runStrategy,
      ...(templated
        ? {}
        : {
            instancetype: { kind: 'VirtualMachineClusterInstancetype', name: instancetype },
            preference: { kind: 'VirtualMachineClusterPreference', name: image.preference },
          }),
      dataVolumeTemplates: disksOf(sketch).map(disk => dataVolume(disk.claim, disk.source, disk.storage)),
      template: {
        metadata: {
          labels: { 'kubevirt.io/domain': name, 'kubevirt.io/size': 'small', ...sketch.labels },
          annotations: {
            'vm.kubevirt.io/os': os,
            'vm.kubevirt.io/workload': os === 'windows10' ? 'desktop' : 'server',
            'vm.kubevirt.io/flavor': 'small',
            ...(sketch.agent === false ? { [AGENT_ANNOTATION]: 'none' } : {}),
          },
        },
        spec: {
          architecture: 'amd64',
          domain: domainOf(sketch, templated),
          networks: [
            { name: 'default', pod: {} },
            ...(vlan === undefined ? [] : [{ name: vlan, multus: { networkName: `${namespace}/${vlan}` } }]),
          ],
          evictionStrategy: 'LiveMigrate',
          terminationGracePeriodSeconds: image.windows ? 3600 : 180,
          volumes: volumesOf(sketch),
        },
      },
    },
  }
}

interface Disk {
  name: string
  claim: string
  storage: string
  /** Golden image; empty for a blank disk. */
  source: string
}

function disksOf({ name, os, secondDisk }: Sketch): Disk[] {
  const { source, storage } = IMAGES[os]
  const root = { name: 'rootdisk', claim: name, storage, source }
  return secondDisk === true ? [root, { name: 'data', claim: `${name}-data`, storage: '100Gi', source: '' }] : [root]
}

function dataVolume(name: string, source: string, storage: string): unknown {
  const from =
    source === ''
      ? { source: { blank: {} } }
      : { sourceRef: { kind: 'DataSource', name: source, namespace: 'openshift-virtualization-os-images' } }
  return {
    apiVersion: 'cdi.kubevirt.io/v1beta1',
    kind: 'DataVolume',
    metadata: { name },
    spec: { ...from, storage: { resources: { requests: { storage } } } },
  }
}

function domainOf(sketch: Sketch, templated: boolean): unknown {
  const { windows } = IMAGES[sketch.os]
  const bus = { disk: { bus: windows && templated ? 'sata' : 'virtio' } }
  const disks = disksOf(sketch).map(({ name }) => ({ name, ...bus }))
  const model = { model: 'virtio' }
  return {
    ...(templated ? { cpu: { cores: 1, sockets: 1, threads: 1 }, memory: { guest: '2Gi' } } : {}),
    devices: {
      disks: windows ? disks : [...disks, { name: 'cloudinitdisk', ...bus }],
      interfaces: [
        { name: 'default', masquerade: {}, ...model },
        ...(sketch.vlan === undefined ? [] : [{ name: sketch.vlan, bridge: {}, ...model }]),
      ],
      rng: {},
    },
    features: { acpi: {}, smm: { enabled: true } },
    firmware: { bootloader: { efi: {} } },
    machine: { type: 'pc-q35-rhel9.6.0' },
    resources: {},
  }
}

function volumesOf(sketch: Sketch): unknown[] {
  const disks = disksOf(sketch).map(({ name, claim }) => ({ name, dataVolume: { name: claim } }))
  if (IMAGES[sketch.os].windows) return disks
  const userData = [
    '#cloud-config',
    `hostname: ${sketch.name}`,
    'user: cloud-user',
    `password: ${CLOUD_INIT_PASSWORD}`,
    'chpasswd: { expire: false }',
    '',
  ].join('\n')
  return [...disks, { name: 'cloudinitdisk', cloudInitNoCloud: { userData } }]
}

function templateLabels(os: Os): Record<string, string> {
  return {
    'vm.kubevirt.io/template': `${os}-server-small`,
    'vm.kubevirt.io/template.namespace': 'openshift',
    'vm.kubevirt.io/template.revision': '1',
    'vm.kubevirt.io/template.version': 'v0.34.1',
  }
}
