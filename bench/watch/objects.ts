/**
 * Objects as an API server sends them: keys sorted, 10 to 11 KB, of which about half is managedFields, a quarter the spec with its cloud-init
 * user data, and the rest status. Most of it is what nobody keeps.
 */
type Json = Readonly<Record<string, unknown>>

/** The nth VM, or its VMI. */
function objectOf(plural: string, n: number, version: number, turn: string): Kind {
  const metadata = {
    creationTimestamp: '2026-01-01T00:00:00Z',
    generation: 12,
    managedFields: MANAGED[plural],
    name: `vm-${n}`,
    namespace: `ns-${n % 50}`,
    resourceVersion: String(version),
    uid: uuid(plural, n),
  }
  const kind = plural === 'virtualmachines' ? vm(n) : vmi(n)
  return { ...kind, metadata: { ...kind.metadata, ...metadata, labels: { ...kind.metadata.labels, turn } } }
}

interface Kind {
  readonly apiVersion: 'kubevirt.io/v1'
  readonly kind: string
  readonly metadata: Json & { readonly labels: Json }
  readonly spec: Json
  readonly status: Json
}

function vm(n: number): Kind {
  const labels = { app: `app-${n % 20}`, 'kubevirt.io/dynamic-credentials-support': 'true', team: `team-${n % 7}` }
  const annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': APPLIED,
    'kubemacpool.io/transaction-timestamp': '2026-01-01T00:00:00.123456789Z',
    'kubevirt.io/latest-observed-api-version': 'v1',
    'kubevirt.io/storage-observed-api-version': 'v1',
    'vm.kubevirt.io/validations': VALIDATIONS,
  }
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { annotations, finalizers: ['kubevirt.io/virtualMachineControllerFinalize'], labels },
    spec: {
      dataVolumeTemplates: [{ metadata: { name: `vm-${n}-root` }, spec: { sourceRef: SOURCE, storage: STORAGE } }],
      instancetype: {
        kind: 'virtualmachineclusterinstancetype',
        name: 'u1.medium',
        revisionName: `vm-${n}-u1.medium-1`,
      },
      preference: { kind: 'virtualmachineclusterpreference', name: 'rhel.9', revisionName: `vm-${n}-rhel.9-1` },
      runStrategy: 'Always',
      template: {
        metadata: { annotations: OF_TEMPLATE, labels: { 'kubevirt.io/domain': `vm-${n}` } },
        spec: machine(n),
      },
    },
    status: {
      conditions: [
        condition('Ready'),
        condition('LiveMigratable'),
        condition('StorageLiveMigratable'),
        condition('AgentConnected'),
      ],
      created: true,
      desiredGeneration: 12,
      observedGeneration: 12,
      printableStatus: 'Running',
      ready: true,
      runStrategy: 'Always',
      volumeSnapshotStatuses: [
        { enabled: true, name: 'rootdisk' },
        {
          enabled: false,
          name: 'cloudinitdisk',
          reason: 'Snapshot is not supported for this volumeSource type [cloudinitdisk]',
        },
      ],
    },
  }
}

function vmi(n: number): Kind {
  const address = `10.1.${n % 250}.${(n >> 8) % 250}`
  const owner = {
    apiVersion: 'kubevirt.io/v1',
    blockOwnerDeletion: true,
    controller: true,
    kind: 'VirtualMachine',
    name: `vm-${n}`,
  }
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      annotations: { ...OF_TEMPLATE, 'kubevirt.io/vm-generation': '12' },
      finalizers: ['kubevirt.io/virtualMachineControllerFinalize', 'foregroundDeleteVirtualMachine'],
      labels: { 'kubevirt.io/domain': `vm-${n}`, 'kubevirt.io/nodeName': `worker-${n % 30}.prod-a.example.com` },
      ownerReferences: [{ ...owner, uid: uuid('virtualmachines', n) }],
    },
    spec: machine(n),
    status: {
      activePods: { [uuid('pods', n)]: `worker-${n % 30}.prod-a.example.com` },
      conditions: ['AgentConnected', 'DataVolumesReady', 'LiveMigratable', 'Ready', 'StorageLiveMigratable'].map(
        condition,
      ),
      currentCPUTopology: { cores: 1, sockets: 2, threads: 1 },
      guestOSInfo: {
        id: 'rhel',
        kernelRelease: '5.14.0-427.13.1.el9_4.x86_64',
        kernelVersion: '#1 SMP PREEMPT_DYNAMIC Wed Apr 10 10:29:16 EDT 2024',
        machine: 'x86_64',
        name: 'Red Hat Enterprise Linux',
        prettyName: 'Red Hat Enterprise Linux 9.4 (Plow)',
        version: '9.4 (Plow)',
        versionId: '9.4',
      },
      interfaces: [
        {
          infoSource: 'domain, guest-agent',
          interfaceName: 'eth0',
          ipAddress: address,
          ipAddresses: [address, 'fe80::5054:ff:fe00:1'],
          linkState: 'up',
          mac: '02:00:00:00:00:01',
          name: 'default',
          podInterfaceName: 'eth0',
          queueCount: 1,
        },
      ],
      launcherContainerImageVersion: `registry.example.com/virt-launcher@sha256:${'0123456789abcdef'.repeat(4)}`,
      machine: { type: 'pc-q35-rhel9.4.0' },
      memory: { guestAtBoot: '4Gi', guestCurrent: '4Gi', guestRequested: '4Gi' },
      migrationMethod: 'LiveMigration',
      migrationTransport: 'Unix',
      nodeName: `worker-${n % 30}.prod-a.example.com`,
      phase: 'Running',
      phaseTransitionTimestamps: ['Pending', 'Scheduling', 'Scheduled', 'Running'].map(phase => ({
        phase,
        phaseTransitionTimestamp: '2026-01-01T00:00:00Z',
      })),
      qosClass: 'Burstable',
      runtimeUser: 107,
      selinuxContext: 'system_u:object_r:container_file_t:s0:c614,c863',
      virtualMachineRevisionName: `revision-start-vm-${uuid('revisions', n)}-12`,
      volumeStatus: [
        { name: 'cloudinitdisk', size: 1_048_576, target: 'vdb' },
        { name: 'rootdisk', persistentVolumeClaimInfo: STORAGE, target: 'vda' },
      ],
    },
  }
}

/** What a machine is to be: of a template or of a boot. */
function machine(n: number): Json {
  return {
    architecture: 'amd64',
    domain: {
      cpu: { cores: 1, maxSockets: 8, model: 'host-model', sockets: 2, threads: 1 },
      devices: {
        autoattachPodInterface: false,
        disks: [
          { bootOrder: 1, disk: { bus: 'virtio' }, name: 'rootdisk' },
          { disk: { bus: 'virtio' }, name: 'cloudinitdisk' },
        ],
        interfaces: [{ macAddress: '02:00:00:00:00:01', masquerade: {}, model: 'virtio', name: 'default' }],
        networkInterfaceMultiqueue: true,
        rng: {},
      },
      features: { acpi: { enabled: true }, smm: { enabled: true } },
      firmware: { bootloader: { efi: {} }, serial: uuid('serials', n), uuid: uuid('firmware', n) },
      machine: { type: 'pc-q35-rhel9.4.0' },
      memory: { guest: '4Gi', maxGuest: '16Gi' },
      resources: { requests: { memory: '4Gi' } },
    },
    evictionStrategy: 'LiveMigrate',
    networks: [{ name: 'default', pod: {} }],
    terminationGracePeriodSeconds: 180,
    volumes: [
      { dataVolume: { name: `vm-${n}-root` }, name: 'rootdisk' },
      { cloudInitNoCloud: { userData: USER_DATA }, name: 'cloudinitdisk' },
    ],
  }
}

function condition(type: string): Json {
  return { lastProbeTime: null, lastTransitionTime: '2026-01-01T00:00:00Z', status: 'True', type }
}

/** The same for the same thing, and no two alike: they can not be packed together. */
function uuid(kind: string, n: number): string {
  const hex = (seed: number): string =>
    (Math.imul(seed + kind.length * 7919, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  const digits = `${hex(n)}${hex(n + 1_000_003)}${hex(n + 2_000_003)}${hex(n + 3_000_017)}`
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  )
}

const SOURCE = { kind: 'DataSource', name: 'rhel9', namespace: 'openshift-virtualization-os-images' }
const STORAGE = {
  accessModes: ['ReadWriteMany'],
  capacity: { storage: '30Gi' },
  requests: { storage: '30Gi' },
  volumeMode: 'Block',
}
const OF_TEMPLATE = {
  'vm.kubevirt.io/flavor': 'small',
  'vm.kubevirt.io/os': 'rhel9',
  'vm.kubevirt.io/workload': 'server',
}
const VALIDATIONS = JSON.stringify([
  { name: 'minimal-required-memory', path: 'jsonpath::.spec.domain.memory.guest', rule: 'integer', min: 1_610_612_736 },
])
const USER_DATA = `#cloud-config\n${Array.from({ length: 12 }, (_, n) => `# line ${n} of what a user wrote for the first boot\n`).join('')}`
/** As kubectl apply leaves it. */
const APPLIED = `${JSON.stringify({ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', spec: { template: { spec: machine(0) } } })}\n`

/** Who set which fields, as `f:` trees. */
const MANAGED: Readonly<Record<string, readonly Json[]>> = {
  virtualmachines: [
    managed('Mozilla', '', ['metadata', 'labels', 'annotations', 'spec', 'template', 'domain', 'devices'], 44),
    managed('virt-controller', '', ['metadata', 'finalizers', 'annotations', 'spec', 'instancetype', 'preference'], 36),
    managed('virt-controller', 'status', ['status', 'conditions', 'volumeSnapshotStatuses', 'created', 'ready'], 36),
  ],
  virtualmachineinstances: [
    managed('virt-controller', '', ['metadata', 'labels', 'annotations', 'ownerReferences', 'spec', 'domain'], 60),
    managed('virt-handler', '', ['status', 'conditions', 'guestOSInfo', 'interfaces', 'volumeStatus', 'memory'], 60),
  ],
}

function managed(manager: string, subresource: string, under: readonly string[], leaves: number): Json {
  const leaf = Object.fromEntries(
    Array.from({ length: leaves }, (_, n) => [
      n % 4 === 0 ? `k:{"type":"Condition${n}"}` : `f:field-${under.at(-1) ?? ''}-${n}`,
      n % 4 === 0 ? { '.': {}, 'f:status': {}, 'f:type': {} } : {},
    ]),
  )
  const fields = under.reduceRight<Json>((inner, name) => ({ '.': {}, [`f:${name}`]: inner }), leaf)
  const base = { apiVersion: 'kubevirt.io/v1', fieldsType: 'FieldsV1', fieldsV1: fields, manager, operation: 'Update' }
  return { ...base, ...(subresource === '' ? {} : { subresource }), time: '2026-01-01T00:00:00Z' }
}

/** One line of a watch. */
export function lineOf(type: string, plural: string, n: number, version: number, turn: string): string {
  return `${JSON.stringify({ type, object: sorted(objectOf(plural, n, version, turn)) })}\n`
}

/** Items of a list, without their brackets. */
export function listOf(plural: string, from: number, to: number): string {
  return Array.from({ length: to - from }, (_, n) =>
    JSON.stringify(sorted(objectOf(plural, from + n, from + n + 1, 'old'))),
  ).join(',')
}

/** Keys in order, as the API server writes objects of custom resources; what is in order stays as it is. */
function sorted({ apiVersion, kind, metadata, spec, status }: Kind): Json {
  const entries = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  return { apiVersion, kind, metadata: Object.fromEntries(entries), spec, status }
}
