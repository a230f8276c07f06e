import { createHash } from 'node:crypto'
import type { InterfaceStatus, NetworkSpec, Vm, Vmi } from './objects.ts'

/** On a VM template: `none` for a guest without qemu-guest-agent. */
export const AGENT_ANNOTATION = 'simulator.virtbridge.io/guest-agent'

const RHEL9 = {
  id: 'rhel',
  name: 'Red Hat Enterprise Linux',
  prettyName: 'Red Hat Enterprise Linux 9.4 (Plow)',
  version: '9.4 (Plow)',
  versionId: '9.4',
  kernelRelease: '5.14.0-427.13.1.el9_4.x86_64',
  kernelVersion: '#1 SMP PREEMPT_DYNAMIC Wed Apr 10 10:29:16 EDT 2024',
  machine: 'x86_64',
}

/** What the agent of each operating system says, by the template's `vm.kubevirt.io/os`. */
const SYSTEMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rhel9: RHEL9,
  fedora: {
    id: 'fedora',
    name: 'Fedora Linux',
    prettyName: 'Fedora Linux 43 (Cloud Edition)',
    version: '43 (Cloud Edition)',
    versionId: '43',
    kernelRelease: '6.17.1-300.fc43.x86_64',
    kernelVersion: '#1 SMP PREEMPT_DYNAMIC Mon Oct  6 15:37:21 UTC 2025',
    machine: 'x86_64',
  },
  debian12: {
    id: 'debian',
    name: 'Debian GNU/Linux',
    prettyName: 'Debian GNU/Linux 12 (bookworm)',
    version: '12 (bookworm)',
    versionId: '12',
    kernelRelease: '6.1.0-21-cloud-amd64',
    kernelVersion: '#1 SMP PREEMPT_DYNAMIC Debian 6.1.90-1 (2024-05-03)',
    machine: 'x86_64',
  },
  'ubuntu24.04': {
    id: 'ubuntu',
    name: 'Ubuntu',
    prettyName: 'Ubuntu 24.04.1 LTS',
    version: '24.04.1 LTS (Noble Numbat)',
    versionId: '24.04',
    kernelRelease: '6.8.0-41-generic',
    kernelVersion: '#41-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug  2 20:41:06 UTC 2024',
    machine: 'x86_64',
  },
  windows10: {
    id: 'mswindows',
    name: 'Microsoft Windows',
    prettyName: 'Windows 10 Enterprise',
    version: 'Microsoft Windows 10',
    versionId: '10',
    kernelRelease: '19045',
    kernelVersion: '10.0',
    machine: 'x86_64',
  },
  windows2k19: {
    id: 'mswindows',
    name: 'Microsoft Windows',
    prettyName: 'Windows Server 2019 Standard',
    version: 'Microsoft Windows Server 2019',
    versionId: '2019',
    kernelRelease: '17763',
    kernelVersion: '10.0',
    machine: 'x86_64',
  },
}

/** A whole number of 0 or more that is a function of the text: the simulator's chance. */
export function numberOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0)
}

/** What runs inside a VM. */
export interface Guest {
  hasAgent: boolean
  osInfo: Readonly<Record<string, string>>
  windows: boolean
}

/** The guest that a VM boots, by the annotations of its template. */
export function guestOf(vm: Vm): Guest {
  const annotations = vm.spec.template.metadata?.annotations ?? {}
  const osInfo = SYSTEMS[annotations['vm.kubevirt.io/os'] ?? ''] ?? RHEL9
  return { osInfo, hasAgent: annotations[AGENT_ANNOTATION] !== 'none', windows: osInfo['id'] === 'mswindows' }
}

/** The pod network's address of a launcher pod: another pod, another address, so it changes with every boot and migration. */
function podAddress(podUid: string, cluster: string): string {
  const number = numberOf(podUid)
  return `10.${128 + (numberOf(cluster) % 4)}.${number & 0xff}.${2 + ((number >>> 8) % 250)}`
}

/** The address that a guest's own DHCP server gave it on a VLAN: the same for the life of the VM. */
function vlanAddress(vmUid: string, network: string): string {
  const number = numberOf(`${vmUid}/${network}`)
  return `192.168.${10 + (numberOf(network) % 200)}.${2 + (number % 250)}`
}

/** The MAC of an interface that the spec gives none. */
export function macOf(vmUid: string, name: string): string {
  const hex = numberOf(`${vmUid}/${name}/mac`).toString(16).padStart(8, '0')
  return `02:${(hex.match(/../g) ?? []).join(':')}:01`
}

/**
 * The interfaces as reported. Without the agent only the pod network's address is known; with it also what the guest has on
 * its other networks, and names as the guest calls them.
 */
export function interfacesOf(
  vm: Vm,
  vmi: Vmi,
  { podUid, cluster, agent }: { podUid: string; cluster: string; agent: boolean },
): InterfaceStatus[] {
  const { windows } = guestOf(vm)
  const networks = new Map((vmi.spec.networks ?? []).map(network => [network.name, network]))
  return (vmi.spec.domain.devices.interfaces ?? []).map(({ name, macAddress }, index) => {
    const network: NetworkSpec = networks.get(name) ?? { name, pod: {} }
    const secondary = network.multus !== undefined
    const address = secondary
      ? vlanAddress(vm.metadata.uid, network.multus?.networkName ?? '')
      : podAddress(podUid, cluster)
    const source = secondary ? 'domain, multus-status' : 'domain'
    return {
      name,
      mac: macAddress ?? macOf(vm.metadata.uid, name),
      infoSource: agent ? (secondary ? 'domain, guest-agent, multus-status' : 'domain, guest-agent') : source,
      queueCount: 1,
      ...(secondary && !agent ? {} : { ipAddress: address, ipAddresses: addressesOf(address, { secondary, agent }) }),
      ...(agent ? { interfaceName: windows ? `Ethernet${index === 0 ? '' : ` ${index + 1}`}` : `eth${index}` } : {}),
    }
  })
}

/** The agent of a bridged guest also reports its link-local address, which is of use to nobody. */
function addressesOf(address: string, { secondary, agent }: { secondary: boolean; agent: boolean }): string[] {
  return secondary && agent ? [address, `fe80::${numberOf(address).toString(16).slice(0, 4)}:1`] : [address]
}
