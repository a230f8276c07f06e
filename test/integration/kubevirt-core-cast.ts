import { createHash } from 'node:crypto'
import { vi } from 'vitest'
import type { KubeClient } from '../servers/kube-client.ts'

/** What is made of one VM on a real API server. */
interface Wish {
  readonly namespace: string
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Null: it was never written. */
  readonly status?: object | null
  /** Null: there is none. */
  readonly vmi?: VmiWish | null
  /** There is no VM, only a VMI. */
  readonly bare?: true
}

interface VmiWish {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly status?: object
  /** False: it belongs to another VM of the name, which is gone. */
  readonly owned?: boolean
}

const AT = '2026-11-20T08:00:00Z'
const KUBEVIRT = '/apis/kubevirt.io/v1/namespaces'
const SECRET =
  '{"apiVersion":"kubevirt.io/v1","spec":{"template":{"userData":"#cloud-config\\npassword: dummy-password"}}}'
export const HOSTILE = '{{ lookup("pipe", "id") }}'

function nic(name: string, address: string, more: object = {}): object {
  const ipAddresses = [address, 'fe80::60:ddff:fe00:4']
  const mac = `02:00:00:${createHash('sha256').update(address).digest('hex').slice(0, 2)}:00:01`
  return {
    name,
    interfaceName: 'eth0',
    ipAddress: address,
    ipAddresses,
    mac,
    infoSource: 'domain, guest-agent',
    queueCount: 1,
    linkState: 'up',
    ...more,
  }
}

/** The status of a VMI that runs. */
function running(address: string, more: object = {}): object {
  return {
    phase: 'Running',
    nodeName: 'node-1',
    VSOCKCID: 12,
    activePods: { '84b1b342-6411-4292-a7b4-f0e6bd6873c8': 'node-1' },
    conditions: [
      { type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: AT },
      { type: 'AgentConnected', status: 'True', lastProbeTime: AT, lastTransitionTime: null },
      {
        type: 'LiveMigratable',
        status: 'False',
        reason: 'DisksNotLiveMigratable',
        message: 'cannot migrate VMI:\nPVC is not shared',
        lastProbeTime: null,
        lastTransitionTime: null,
      },
    ],
    currentCPUTopology: { cores: 1, sockets: 2, threads: 1 },
    guestOSInfo: {
      id: 'rhel',
      name: 'Red Hat Enterprise Linux',
      prettyName: 'Red Hat Enterprise Linux 9.4 (Plow)',
      version: '9.4',
      versionId: '9.4',
      kernelRelease: '5.14.0-427',
      machine: 'x86_64',
    },
    interfaces: [nic('default', address)],
    launcherContainerImageVersion: 'quay.io/kubevirt/virt-launcher:v1.8.0',
    machine: { type: 'pc-q35-rhel9.6.0' },
    memory: { guestAtBoot: '2Gi', guestCurrent: '2Gi', guestRequested: '2Gi' },
    migrationMethod: 'BlockMigration',
    migrationTransport: 'Unix',
    phaseTransitionTimestamps: [{ phase: 'Running', phaseTransitionTimestamp: AT }],
    qosClass: 'Burstable',
    runtimeUser: 107,
    selinuxContext: 'system_u:object_r:container_file_t:s0:c707,c898',
    virtualMachineRevisionName: 'revision-start-vm-1',
    volumeStatus: [
      {
        name: 'rootdisk',
        target: 'vda',
        persistentVolumeClaimInfo: {
          accessModes: ['ReadWriteOnce'],
          capacity: { storage: '30Gi' },
          filesystemOverhead: '0.055',
          volumeMode: 'Filesystem',
        },
      },
    ],
    ...more,
  }
}

/** The status of a VM. */
function vmStatus(printableStatus: string, more: object = {}): object {
  return {
    printableStatus,
    created: printableStatus === 'Running',
    ready: printableStatus === 'Running',
    desiredGeneration: 1,
    observedGeneration: 1,
    runStrategy: 'Always',
    conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: AT }],
    volumeSnapshotStatuses: [{ name: 'rootdisk', enabled: false, reason: 'No VolumeSnapshotClass' }],
    ...more,
  }
}

/** A running VM of Linux, reached through its address, unless told otherwise. */
function linux(
  namespace: string,
  name: string,
  address: string,
  more: Partial<VmiWish> & { nics?: readonly object[]; guest?: object } = {},
): Wish {
  const { nics, guest, ...vmi } = more
  const status = running(address, { ...(nics === undefined ? {} : { interfaces: nics }), ...guest })
  const labels = { 'kubevirt.io/domain': name, 'kubevirt.io/nodeName': 'node-1', ...vmi.labels }
  return { namespace, name, labels: { app: 'web' }, vmi: { status, ...vmi, labels } }
}

const WINDOWS = {
  guestOSInfo: {
    id: 'mswindows',
    name: 'Microsoft Windows',
    prettyName: 'Windows Server 2022 Standard',
    version: 'Microsoft Windows Server 2022',
  },
}
const preference = (key: string, value: string) => ({ annotations: { [key]: value }, guest: { guestOSInfo: {} } })

/** What a status says of which no KubeVirt of today knows: its definition on the server is extended by these keys. */
const OF_TOMORROW = {
  heardOfTomorrow: {
    name: 'kept',
    count: 3,
    on: true,
    each: [
      { name: 'a', probed: AT },
      { name: 'b', probed: AT },
    ],
    said: HOSTILE,
    volume: 'cloudinitdisk',
    lastSeen: 1_763_712_000,
    objectResourceVersion: '7',
    cloudInitNoCloud: { userData: '#cloud-config\npassword: dummy-password' },
    applied: SECRET,
  },
  'tomorrow-too': 'kept',
  beat: AT,
}
const KEYS_OF_TOMORROW = {
  heardOfTomorrow: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  'tomorrow-too': { type: 'string' },
  beat: { type: 'string' },
}

/** VMs of every kind that kubevirt.core shows differently. */
export const CAST: readonly Wish[] = [
  linux('shop', 'web-1', '10.0.0.1'),
  {
    ...linux('shop', 'web-2', '10.0.0.2'),
    labels: { app: 'web', tier: 'front', 'example.com/cost-centre': '4711' },
    annotations: { 'example.com/note': 'the first\nand the second line', 'example.com/size': 'größe "1"', empty: '' },
  },
  { namespace: 'shop', name: 'off-1', status: vmStatus('Stopped', { runStrategy: 'Halted' }), vmi: null },
  {
    namespace: 'shop',
    name: 'crash-1',
    status: vmStatus('CrashLoopBackOff', {
      startFailure: { consecutiveFailCount: 3, lastFailedVMIUID: '1d9c', retryAfterTimestamp: AT },
    }),
    vmi: null,
  },
  linux('shop', 'paused-1', '10.0.0.3', {
    guest: {
      conditions: [
        { type: 'Paused', status: 'True', reason: 'PausedByUser', lastProbeTime: null, lastTransitionTime: AT },
      ],
    },
  }),
  linux('shop', 'no-agent', '10.0.0.4', { guest: { conditions: [], guestOSInfo: {} } }),
  linux('shop', 'booting-1', '10.0.0.5', {
    guest: { phase: 'Scheduling', interfaces: undefined, guestOSInfo: undefined },
  }),
  linux('shop', 'no-address', '10.0.0.6', {
    nics: [{ name: 'default', mac: '02:00:00:00:00:09', infoSource: 'domain' }],
  }),
  linux('shop', 'many-nics', '10.0.0.7', {
    nics: [
      nic('default', '10.0.0.7'),
      nic('vlan10', '192.0.2.7'),
      nic('', '172.17.0.1', { interfaceName: 'docker0', infoSource: 'guest-agent' }),
    ],
  }),
  linux('shop', 'vlan-first', '10.0.0.8', { nics: [nic('vlan10', '192.0.2.8'), nic('default', '10.0.0.8')] }),
  linux('shop', 'six', '2001:db8::6'),
  linux('shop', 'moved-1', '10.0.0.9', {
    guest: {
      migrationState: {
        migrationUid: 'm-1',
        startTimestamp: AT,
        endTimestamp: AT,
        completed: true,
        sourceNode: 'node-2',
        targetNode: 'node-1',
        migrationConfiguration: { completionTimeoutPerGiB: 800 },
      },
    },
  }),
  linux('shop', 'hot-plugged', '10.0.0.10', {
    guest: {
      volumeStatus: [
        {
          name: 'extra',
          target: 'sda',
          phase: 'Ready',
          hotplugVolume: { attachPodName: 'hp-volume-1' },
          memoryDumpVolume: { claimName: 'dump', startTimestamp: AT, endTimestamp: AT },
        },
      ],
    },
  }),
  linux('shop', 'served-node', '10.0.0.11'),
  linux('shop', 'served-lb', '10.0.0.12'),
  linux('shop', 'served-lb-ip', '10.0.0.13'),
  linux('shop', 'served-two-ports', '10.0.0.14'),
  linux('shop', 'served-pending', '10.0.0.15'),
  linux('shop', 'served-clusterip', '10.0.0.16'),
  linux('shop', 'served-by-name', '10.0.0.17', { labels: { 'kubevirt.io/vm': 'served-by-name' } }),
  linux('shop', 'served-twice', '10.0.0.18'),
  linux('desk', 'windows-1', '10.1.0.1', { guest: WINDOWS }),
  linux('desk', 'windows-https', '10.1.0.2', { guest: WINDOWS }),
  linux('desk', 'windows-http', '10.1.0.3', { guest: WINDOWS }),
  linux('desk', 'windows-ssh', '10.1.0.4', { guest: WINDOWS }),
  linux('desk', 'windows-by-cluster', '10.1.0.5', preference('kubevirt.io/cluster-preference-name', 'windows.2k22')),
  linux('desk', 'windows-by-preference', '10.1.0.6', preference('kubevirt.io/preference-name', 'windows.11')),
  linux('desk', 'windows-by-template', '10.1.0.7', preference('vm.kubevirt.io/os', 'windows2k19')),
  linux('desk', 'linux-by-guest', '10.1.0.8', { annotations: { 'kubevirt.io/preference-name': 'windows.11' } }),
  linux('desk', 'other-labels', '10.1.0.9', { labels: { tier: 'back' } }),
  { ...linux('desk', 'no-labels', '10.1.0.10', { labels: {} }), labels: {} },
  // What may be shown otherwise: each is of one row of the table.
  linux('odd', 'hostile', '10.2.0.1', {
    guest: { guestOSInfo: { id: 'rhel', prettyName: HOSTILE, name: '{% raw %}' } },
  }),
  {
    ...linux('odd', 'hostile-note', '10.2.0.2'),
    annotations: {
      note: `{# ${HOSTILE} #}`,
      other: "#jinja2: variable_start_string:'[['\n[[ 6*7 ]]",
      ansible_ssh_common_args: '-oProxyCommand=id',
    },
  },
  {
    ...linux('odd', 'applied', '10.2.0.3'),
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': SECRET, note: 'kept' },
  },
  { ...linux('odd', 'long-note', '10.2.0.4'), annotations: { long: 'x'.repeat(20_000), note: 'kept' } },
  linux('odd', 'long-word', '10.2.0.13', { guest: { reason: 'y'.repeat(20_000) } }),
  linux('odd', 'many-disks', '10.2.0.5', {
    guest: {
      volumeStatus: Array.from({ length: 20 }, (_, index) => ({
        name: `disk-${index}`,
        target: `vd${index}`,
        message: 'a message of a volume that takes its room '.repeat(102),
      })),
    },
  }),
  { ...linux('odd', 'newer', '10.2.0.14', { guest: OF_TOMORROW }), status: vmStatus('Running', OF_TOMORROW) },
  linux('odd', 'control', '10.2.0.6', {
    guest: { guestOSInfo: { id: 'rhel', prettyName: 'red\u001b[31m\u0000 and\u202e back' } },
  }),
  linux('odd', 'loop', '127.0.0.1'),
  linux('odd', 'link-local', '169.254.169.254'),
  linux('odd', 'ended', '10.2.0.7', { guest: { phase: 'Succeeded' } }),
  linux('odd', 'first-claim', '10.2.0.8'),
  linux('odd', 'second-claim', '10.2.0.8'),
  linux('odd', 'of-another', '10.2.0.9', { owned: false }),
  { namespace: 'odd', name: 'no-status', status: null, vmi: null },
  { ...linux('odd', 'bare', '10.2.0.10'), bare: true },
  linux('odd', 'shared', '10.2.0.11', { labels: { 'kubevirt.io/domain': 'shared' } }),
  linux('odd', 'shared-2', '10.2.0.12', { labels: { 'kubevirt.io/domain': 'shared' } }),
]

interface ServiceWish {
  readonly namespace: string
  readonly name: string
  readonly type: string
  readonly selector: Readonly<Record<string, string>>
  readonly ports: readonly object[]
  readonly ingress?: readonly object[]
}

function service(
  name: string,
  type: string,
  target: number | string,
  more: Partial<ServiceWish> & { to?: string } = {},
): ServiceWish {
  const { to = name, ...rest } = more
  const ports = [{ port: 2222, targetPort: target, protocol: 'TCP' }]
  return { namespace: 'shop', name, type, selector: { 'kubevirt.io/domain': to }, ports, ...rest }
}

export const SERVICES: readonly ServiceWish[] = [
  service('served-node', 'NodePort', 22),
  service('served-lb', 'LoadBalancer', 22, { ingress: [{ hostname: 'lb.example.com' }] }),
  service('served-lb-ip', 'LoadBalancer', 22, { ingress: [{ ip: '203.0.113.9' }] }),
  service('served-two-ports', 'NodePort', 22, {
    ports: [
      { name: 'ssh', port: 22, targetPort: 22 },
      { name: 'http', port: 80, targetPort: 80 },
    ],
  }),
  service('served-pending', 'LoadBalancer', 22),
  service('served-clusterip', 'ClusterIP', 22),
  service('served-by-name', 'NodePort', 22, { selector: { 'kubevirt.io/vm': 'served-by-name' } }),
  service('a-first', 'LoadBalancer', 22, { to: 'served-twice', ingress: [{ ip: '203.0.113.10' }] }),
  service('b-second', 'NodePort', 22, { to: 'served-twice' }),
  service('named-port', 'NodePort', 'ssh', { to: 'web-1' }),
  service('shared', 'NodePort', 22, { namespace: 'odd' }),
  service('windows-https', 'LoadBalancer', 5986, { namespace: 'desk', ingress: [{ ip: '203.0.113.20' }] }),
  service('windows-https-2', 'NodePort', 5985, { namespace: 'desk', to: 'windows-https' }),
  service('windows-http', 'NodePort', 5985, { namespace: 'desk' }),
  service('windows-ssh', 'NodePort', 22, { namespace: 'desk' }),
]

/** Plays the controllers of KubeVirt and of a cloud: writes all of it, each object with its status. */
export async function enact(client: KubeClient): Promise<void> {
  const namespaces = new Set(CAST.map(({ namespace }) => namespace))
  for (const name of namespaces)
    await client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'empty' } })
  for (const plural of ['virtualmachines', 'virtualmachineinstances']) await extend(client, plural)
  for (const wish of CAST) await make(client, wish)
  for (const wish of SERVICES) await serve(client, wish)
}

/** The definition of today, with keys of tomorrow. The server takes to it in its time: until then it drops them. */
async function extend(client: KubeClient, plural: string): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.kubevirt.io`
  const crd = (await client.get(path)) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: { status: { properties: object } } } } }[] }
  }
  for (const { schema } of crd.spec.versions)
    Object.assign(schema.openAPIV3Schema.properties.status.properties, KEYS_OF_TOMORROW)
  await client.expect('PUT', path, { body: crd })
}

/** Writes a status until the server has kept all of it. */
async function write(client: KubeClient, path: string, status: object): Promise<void> {
  const isKept = async (): Promise<boolean> => {
    const { status: kept = {} } = await client.patch<{ status?: object }>(path, { status })
    return Object.keys(status).every(key => key in kept)
  }
  await vi.waitUntil(isKept, { timeout: 60_000 })
}

async function make(client: KubeClient, wish: Wish): Promise<void> {
  const { namespace, name, vmi = null } = wish
  const uid = wish.bare === true ? null : await makeVm(client, wish)
  if (vmi === null) return
  const owner = vmi.owned === false ? '00000000-0000-0000-0000-000000000000' : uid
  const ownerReferences =
    owner === null ? [] : [{ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid: owner, controller: true }]
  const path = `${KUBEVIRT}/${namespace}/virtualmachineinstances`
  await client.create(path, {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { namespace, name, labels: vmi.labels, annotations: vmi.annotations, ownerReferences },
    spec: SPEC,
    status: vmi.status,
  })
  if (vmi.status !== undefined && 'beat' in vmi.status) await write(client, `${path}/${name}`, vmi.status)
}

async function makeVm(client: KubeClient, wish: Wish): Promise<string> {
  const { namespace, name, labels = {}, annotations = {}, status = vmStatus('Running'), vmi } = wish
  const path = `${KUBEVIRT}/${namespace}/virtualmachines`
  const template = { metadata: { labels: vmi?.labels ?? {} }, spec: SPEC }
  const vm = await client.create<{ metadata: { uid: string } }>(path, {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { namespace, name, labels, annotations },
    spec: { runStrategy: 'Always', template },
  })
  if (status !== null) await write(client, `${path}/${name}/status`, status)
  return vm.metadata.uid
}

/** The spec of a VMI, with user data that nobody may ever see. */
const SPEC = {
  domain: { devices: {} },
  networks: [{ name: 'default', pod: {} }],
  volumes: [{ name: 'init', cloudInitNoCloud: { userData: '#cloud-config\npassword: dummy-password' } }],
}

async function serve(
  client: KubeClient,
  { namespace, name, type, selector, ports, ingress }: ServiceWish,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/services`
  const spec = { type, selector, ports }
  await client.create(path, { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec })
  if (ingress !== undefined) await client.patch(`${path}/${name}/status`, { status: { loadBalancer: { ingress } } })
}
