import { type Address, type GuestOs, NO_OS, type VmiPart, type VmPart } from './part.ts'
import { CRASH_LOOP, DISK_ERROR, HINDRANCES } from './power.ts'
import type { Seen } from './record.ts'

/** The uid of the claim of a name in the VM's namespace; empty while it is not bound, or claims can not be read. */
export type ClaimOf = (name: string) => string

/**
 * Lays a VM, its VMI and the claim of its root disk into what is seen of it.
 *
 * `vmi` null: there is none. `vmi` 'unknown': VMIs can not be read now, so what was seen of the boot before stays (a VM is not
 * stopped because we may not look). A VMI of another incarnation (its owner has another uid), or of no VM at all, does not count.
 * `trouble`: what is wrong with one of its disks; null while that is not known.
 */
export function assemble(
  vm: VmPart,
  vmi: VmiPart | null | 'unknown',
  before: Seen | null,
  claimOf: ClaimOf = () => '',
  trouble: string | null = null,
): Seen {
  // What is of the VM is known either way: only its boot is not.
  if (vmi === 'unknown' && before !== null)
    return { ...withoutNamed(before), ...fromVm(vm, before, trouble), ...shown(vm, before.portraits?.vmi) }
  const own = vmi === 'unknown' || vmi?.owner !== vm.uid ? null : vmi
  // A boot keeps its disk whatever the VM's spec says by now: that holds from the next one on.
  const root = own?.phase === 'Running' ? own.rootClaim : vm.rootClaim
  return {
    ...fromVm(vm, before, trouble),
    ...fromVmi(vm, own, before),
    ...diskOf(vm, own, before, claimOf, root),
    ...shown(vm, own?.portrait),
  }
}

type OfDisk = Pick<Seen, 'claim' | 'disk_unseen' | 'copied_from'>

function diskOf(vm: VmPart, own: VmiPart | null, before: Seen | null, claimOf: ClaimOf, root: string): OfDisk {
  const uid = root === '' ? '' : claimOf(root)
  const known = before?.claim ?? ''
  const other = own !== null && (own.uid !== before?.boot || before.disk_unseen === true)
  const copied_from = root === vm.rootClaim ? claimOf(vm.copiedFrom ?? '') : ''
  return {
    claim: uid || known,
    ...(uid === '' && known !== '' && other ? { disk_unseen: true } : {}),
    ...(copied_from === '' ? {} : { copied_from }),
  }
}

/** What is there for inventories alone. */
function shown({ annotations, namedLabels, portrait }: VmPart, vmi = ''): OfInventory {
  return {
    ...(namedLabels === undefined ? {} : { named_labels: namedLabels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(portrait === undefined ? {} : { portraits: { vm: portrait, vmi } }),
  }
}

type OfInventory = Pick<Seen, 'named_labels' | 'annotations' | 'portraits'>

/** Of these none is there once it has none, so those of before must not stay. */
function withoutNamed(before: Seen): Seen {
  const { named_labels: _, ...seen } = before
  return seen
}

type OfVm = Pick<
  Seen,
  | 'created_at'
  | 'run_strategy'
  | 'status'
  | 'labels'
  | 'instancetype'
  | 'failing'
  | 'hindered_by'
  | 'failed_boot'
  | 'restart_required'
  | 'application'
>
type OfVmi = Omit<Seen, keyof OfVm | keyof OfInventory | keyof OfDisk>

/** Statuses in which a VM waits for a disk that can not be made, and says nothing of it. */
const PATIENT = new Set(['Provisioning', 'WaitingForVolumeBinding', 'Starting'])

function fromVm(vm: VmPart, before: Seen | null, trouble: string | null): OfVm {
  const known = trouble ?? before?.hindered_by ?? ''
  const status = HINDRANCES.has(vm.status) ? vm.status : ''
  const stuck = known !== '' && PATIENT.has(vm.status) ? DISK_ERROR : ''
  const failing = vm.failedBoots > 0 ? CRASH_LOOP : status || stuck
  return {
    created_at: vm.createdAt || (before?.created_at ?? 0),
    run_strategy: vm.runStrategy,
    status: vm.status,
    labels: vm.labels,
    instancetype: vm.instancetype,
    failing,
    ...(failing === DISK_ERROR && known !== '' ? { hindered_by: known } : {}),
    failed_boot: vm.failedBoot,
    restart_required: vm.restartRequired,
    application: vm.application,
  }
}

function fromVmi(vm: VmPart, vmi: VmiPart | null, before: Seen | null): OfVmi {
  const kept = keptOf(vm, before)
  if (vmi === null) return { ...NOT_BOOTED, ...kept }
  return {
    ...kept,
    ...running(vmi),
    boot: vmi.uid,
    phase: vmi.phase,
    node: vmi.node,
    firmware_uuid: vmi.firmwareUuid || kept.firmware_uuid,
    os: vmi.os.id === '' ? kept.os : vmi.os,
    ...(vmi.os.id === '' ? {} : { kernel: vmi.kernel, guest_said: true }),
    migration: vmi.migrated.uid || kept.migration,
    ...(vmi.migrationFailed.uid === '' ? {} : { migration_failed: vmi.migrationFailed }),
    ...endOf(vm, vmi),
  }
}

/** What only a boot tells, and outlives it. */
function keptOf(vm: VmPart, before: Seen | null) {
  return {
    firmware_uuid: vm.firmwareUuid || (before?.firmware_uuid ?? ''),
    os: before?.os ?? declaredOs(vm.declaredOs),
    migration: before?.migration ?? '',
    kernel: before?.kernel ?? '',
    guest_said: before?.guest_said ?? false,
    ...(before?.migration_failed === undefined ? {} : { migration_failed: before.migration_failed }),
    ...(before?.ended === undefined ? {} : { ended: before.ended }),
  }
}

const NOT_RUNNING = { paused: false, paused_because: '', agent_connected: false, addresses: [], address: '' }
const NOT_BOOTED = { ...NOT_RUNNING, boot: '', phase: '', node: '' }

/** What means something only while it runs: a final VMI is frozen with its last conditions and addresses. */
function running(vmi: VmiPart): Pick<Seen, 'paused' | 'agent_connected' | 'addresses' | 'address'> {
  if (vmi.phase !== 'Running') return NOT_RUNNING
  const { paused, pausedBecause, agentConnected, addresses } = vmi
  const now = { paused, paused_because: pausedBecause, agent_connected: agentConnected }
  return { ...now, addresses, address: chooseAddress(addresses) }
}

/**
 * Why a boot ended, for people; nothing while it has not.
 *
 * | the VMI says | and the VM                                     | because                  |
 * |--------------|------------------------------------------------|--------------------------|
 * | away         |                                                | went to another cluster  |
 * | asked        |                                                | asked                    |
 * | failed       | is Halted, is being deleted, or was told to stop | asked                  |
 * | failed       | otherwise                                      | crashed                  |
 * | shutdown     | as with failed; otherwise                      | guest shut down          |
 */
function endOf(vm: VmPart, vmi: VmiPart): Pick<Seen, 'ended'> {
  if (vmi.end === '') return {}
  const wished = vm.runStrategy === 'Halted' || vm.deleting || vm.stopAsked === vmi.uid
  const because =
    vmi.end === 'away'
      ? 'went to another cluster'
      : vmi.end === 'asked' || wished
        ? 'asked'
        : vmi.end === 'failed'
          ? 'crashed'
          : 'guest shut down'
  return { ended: { boot: vmi.uid, because, detail: vmi.reason } }
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
  return (entry.pod ? 2 : 0) + (entry.address.includes(':') ? 1 : 0)
}

/** What template or preference declare, as long as the guest itself has not told: `windows2k22` → windows, `rhel9` → linux. */
function declaredOs(declared: string): GuestOs {
  const text = declared.toLowerCase()
  if (text === '') return NO_OS
  if (text.startsWith('win')) return { family: 'windows', id: 'mswindows', name: '', version: '' }
  const id = /^[a-z]+/.exec(text)?.[0] ?? ''
  return { family: 'linux', id: id === 'linux' ? '' : id, name: '', version: '' }
}
