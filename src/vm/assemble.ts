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
    return shown({ ...withoutNamed(before), ...fromVm(vm, before, trouble) }, vm, before.portraits?.vmi)
  const own = vmi === 'unknown' || vmi?.owner !== vm.uid ? null : vmi
  // A boot keeps its disk whatever the VM's spec says by now: that holds from the next one on.
  const root = own?.phase === 'Running' ? own.rootClaim : vm.rootClaim
  return withBoot(fromVm(vm, before, trouble), vm, own ?? NO_BOOT, before, diskOf(vm, own, before, claimOf, root))
}

type OfDisk = Pick<Draft, 'disk_unseen' | 'copied_from'> & Required<Pick<Seen, 'claim'>>

function diskOf(vm: VmPart, own: VmiPart | null, before: Seen | null, claimOf: ClaimOf, root: string): OfDisk {
  const uid = root === '' ? '' : claimOf(root)
  const known = before?.claim ?? ''
  const other = own !== null && (own.uid !== before?.boot || before.disk_unseen === true)
  const copied_from = root === vm.rootClaim ? claimOf(vm.copiedFrom ?? '') : ''
  const of: OfDisk = { claim: uid || known }
  if (uid === '' && known !== '' && other) of.disk_unseen = true
  if (copied_from !== '') of.copied_from = copied_from
  return of
}

/** The same, with what is there for inventories alone. */
function shown(seen: Draft, { annotations, namedLabels, portrait }: VmPart, vmi = ''): Seen {
  if (namedLabels !== undefined) seen.named_labels = namedLabels
  if (annotations !== undefined) seen.annotations = annotations
  if (portrait !== undefined) seen.portraits = { vm: portrait, vmi }
  return seen
}

type Draft = { -readonly [Field in keyof Seen]: Seen[Field] }

/** Of these none is there once it has none, so those of before must not stay. */
function withoutNamed(before: Seen): Seen {
  const { named_labels: _, ...seen } = before
  return seen
}

type OfVm = Pick<Draft, 'created_at' | 'run_strategy' | 'status' | 'labels' | 'instancetype' | 'hindered_by'> &
  Required<Pick<Seen, 'failing' | 'failed_boot' | 'restart_required' | 'application'>>

/** Statuses in which a VM waits for a disk that can not be made, and says nothing of it. */
const PATIENT = new Set(['Provisioning', 'WaitingForVolumeBinding', 'Starting'])

function fromVm(vm: VmPart, before: Seen | null, trouble: string | null): OfVm {
  const known = trouble ?? before?.hindered_by ?? ''
  const status = HINDRANCES.has(vm.status) ? vm.status : ''
  const stuck = known !== '' && PATIENT.has(vm.status) ? DISK_ERROR : ''
  const failing = vm.failedBoots > 0 ? CRASH_LOOP : status || stuck
  const of: OfVm = {
    created_at: vm.createdAt || (before?.created_at ?? 0),
    run_strategy: vm.runStrategy,
    status: vm.status,
    labels: vm.labels,
    instancetype: vm.instancetype,
    failing,
    failed_boot: vm.failedBoot,
    restart_required: vm.restartRequired,
    application: vm.application,
  }
  if (failing === DISK_ERROR && known !== '') of.hindered_by = known
  return of
}

/**
 * All that is seen, with what its boot tells. What only a boot tells outlives it; but what means something only while it runs does not, and
 * a final VMI is frozen with its last conditions and addresses.
 *
 * In one literal, field by field: this is made with every change, and to lay objects into each other takes three times as long.
 */
function withBoot(of: OfVm, vm: VmPart, boot: VmiPart, before: Seen | null, disk: OfDisk): Seen {
  const now = boot.phase === 'Running' ? boot : NO_BOOT
  const kept = keptOf(vm, boot, before ?? {})
  const seen: Draft = {
    created_at: of.created_at,
    run_strategy: of.run_strategy,
    status: of.status,
    labels: of.labels,
    instancetype: of.instancetype,
    failing: of.failing,
    failed_boot: of.failed_boot,
    restart_required: of.restart_required,
    application: of.application,
    firmware_uuid: kept.firmware_uuid,
    os: kept.os,
    migration: kept.migration,
    kernel: kept.kernel,
    guest_said: kept.guest_said,
    paused: now.paused,
    paused_because: now.pausedBecause,
    agent_connected: now.agentConnected,
    addresses: now.addresses,
    address: chooseAddress(now.addresses),
    boot: boot.uid,
    phase: boot.phase,
    node: boot.node,
    claim: disk.claim,
  }
  const failed = boot.migrationFailed.uid === '' ? before?.migration_failed : boot.migrationFailed
  const ended = endOf(vm, boot) ?? before?.ended
  if (disk.disk_unseen !== undefined) seen.disk_unseen = disk.disk_unseen
  if (disk.copied_from !== undefined) seen.copied_from = disk.copied_from
  if (of.hindered_by !== undefined) seen.hindered_by = of.hindered_by
  if (failed !== undefined) seen.migration_failed = failed
  if (ended !== undefined) seen.ended = ended
  return shown(seen, vm, boot.portrait)
}

/** What only a boot tells, and outlives it. */
function keptOf(vm: VmPart, boot: VmiPart, before: Partial<Seen>) {
  const said = boot.os.id !== ''
  return {
    firmware_uuid: boot.firmwareUuid || vm.firmwareUuid || (before.firmware_uuid ?? ''),
    os: said ? boot.os : (before.os ?? declaredOs(vm.declaredOs)),
    migration: boot.migrated.uid || (before.migration ?? ''),
    kernel: said ? boot.kernel : (before.kernel ?? ''),
    guest_said: said || (before.guest_said ?? false),
  }
}

/** What a VM has that has not booted. */
const NO_BOOT: VmiPart = {
  key: '',
  uid: '',
  resourceVersion: '',
  owner: '',
  phase: '',
  deleting: false,
  node: '',
  paused: false,
  pausedBecause: '',
  end: '',
  reason: '',
  rootClaim: '',
  kernel: '',
  agentConnected: false,
  firmwareUuid: '',
  domain: '',
  vmLabel: '',
  os: NO_OS,
  addresses: [],
  migrated: { uid: '', from: '', to: '' },
  migrationFailed: { uid: '', from: '', to: '', reason: '' },
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
function endOf(vm: VmPart, vmi: VmiPart): Seen['ended'] {
  if (vmi.end === '') return undefined
  const wished = vm.runStrategy === 'Halted' || vm.deleting || vm.stopAsked === vmi.uid
  const because =
    vmi.end === 'away'
      ? 'went to another cluster'
      : vmi.end === 'asked' || wished
        ? 'asked'
        : vmi.end === 'failed'
          ? 'crashed'
          : 'guest shut down'
  return { boot: vmi.uid, because, detail: vmi.reason }
}

/**
 * The address automation uses: an IPv4 one before IPv6, a network of the VM's own before the pod network (whose masquerade address
 * changes with every boot and migration), and never one of an interface that only the guest knows (docker, veth).
 */
export function chooseAddress(addresses: readonly Address[]): string {
  let best: Address | null = null
  for (const one of addresses) if (one.network !== '' && (best === null || rankOf(one) < rankOf(best))) best = one
  return best?.address ?? ''
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
