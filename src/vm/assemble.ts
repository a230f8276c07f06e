import ipaddr from 'ipaddr.js'
import { type Address, type GuestOs, NO_OS, type VmiPart, type VmPart } from './part.ts'
import type { Seen } from './record.ts'

/**
 * Lays a VM and its VMI into what is seen of it.
 *
 * `vmi` null: there is none. `vmi` 'unknown': VMIs can not be read now, so what was seen of the boot before stays (a VM is not
 * stopped because we may not look). A VMI of another incarnation (its owner has another uid), or of no VM at all, does not count.
 */
export function assemble(vm: VmPart, vmi: VmiPart | null | 'unknown', before: Seen | null): Seen {
  // What is of the VM is known either way: only its boot is not.
  if (vmi === 'unknown' && before !== null) return { ...before, ...fromVm(vm, before) }
  return { ...fromVm(vm, before), ...fromVmi(vm, vmi === 'unknown' ? null : vmi, before) }
}

type OfVm = Pick<Seen, 'created_at' | 'run_strategy' | 'status' | 'labels' | 'instancetype'>
type OfVmi = Omit<Seen, keyof OfVm>

function fromVm(vm: VmPart, before: Seen | null): OfVm {
  return {
    created_at: vm.createdAt || (before?.created_at ?? 0),
    run_strategy: vm.runStrategy,
    status: vm.status,
    labels: vm.labels,
    instancetype: vm.instancetype,
  }
}

function fromVmi(vm: VmPart, vmi: VmiPart | null, before: Seen | null): OfVmi {
  const declared = declaredOs(vm.declaredOs)
  const kept = { firmware_uuid: vm.firmwareUuid || (before?.firmware_uuid ?? ''), os: before?.os ?? declared }
  if (vmi === null || vmi.owner !== vm.uid) {
    const none = { boot: '', phase: '', paused: false, node: '', agent_connected: false, addresses: [], address: '' }
    return { ...none, ...kept, migration: before?.migration ?? '' }
  }
  const running = vmi.phase === 'Running'
  return {
    boot: vmi.uid,
    phase: vmi.phase,
    node: vmi.node,
    // A final VMI is frozen with its last conditions and addresses; they mean something only while it runs.
    paused: running && vmi.paused,
    agent_connected: running && vmi.agentConnected,
    addresses: running ? vmi.addresses : [],
    address: running ? chooseAddress(vmi.addresses) : '',
    firmware_uuid: vmi.firmwareUuid || kept.firmware_uuid,
    os: vmi.os.id === '' ? kept.os : vmi.os,
    migration: vmi.migrated.uid || (before?.migration ?? ''),
  }
}

/**
 * The address automation uses: an IPv4 one before IPv6, a network of the VM's own before the pod network (whose masquerade address
 * changes with every boot and migration), and never one of an interface that only the guest knows (docker, veth).
 */
export function chooseAddress(addresses: readonly Address[]): string {
  const named = addresses.filter(entry => entry.network !== '')
  const ranked = named.map((entry, index) => ({ entry, index, rank: rankOf(entry) }))
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index)
  return ranked[0]?.entry.address ?? ''
}

function rankOf(entry: Address): number {
  return (entry.pod ? 2 : 0) + (ipaddr.parse(entry.address).kind() === 'ipv4' ? 0 : 1)
}

/** What template or preference declare, as long as the guest itself has not told: `windows2k22` → windows, `rhel9` → linux. */
function declaredOs(declared: string): GuestOs {
  const text = declared.toLowerCase()
  if (text === '') return NO_OS
  if (text.startsWith('win')) return { family: 'windows', id: 'mswindows', name: '', version: '' }
  const id = /^[a-z]+/.exec(text)?.[0] ?? ''
  return { family: 'linux', id: id === 'linux' ? '' : id, name: '', version: '' }
}
