import type { Annotations } from './annotations.ts'
import type { NamedLabels } from './labels.ts'

/**
 * What is kept of the objects of a VM: the few fields that facts, inventory and day 2 need. The raw object (with its cloud-init
 * user data) dies in the reflector that read it.
 */
export interface VmPart {
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  /** ms since the epoch; 0 when the object does not say. */
  readonly createdAt: number
  readonly deleting: boolean
  readonly runStrategy: string
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
  readonly instancetype: string
  /** What the template or preference says the guest is (`rhel9`, `windows2k22`); empty when nothing does. */
  readonly declaredOs: string
  readonly firmwareUuid: string
  /** Name of the claim of the disk it boots from, by its spec; empty when none of its disks has one. */
  readonly rootClaim: string
  /** Name of the claim that this one was copied from while its guest ran, as KubeVirt says; left out when it says of none. */
  readonly copiedFrom?: string
  /** Somebody asked for this boot (uid of a VMI) to stop. */
  readonly stopAsked: string
  /** It must be restarted before all of its spec holds. */
  readonly restartRequired: boolean
  /** Boots that failed in a row before the guest ever ran, and the last of them; 0 when the last one ran. */
  readonly failedBoots: number
  readonly failedBoot: string
  /** The Argo CD application that manages it; empty when none does. */
  readonly application: string
  /** What made it, as far as its own labels and annotations tell. */
  readonly descent: Descent
  /** By which an import knows it; empty when no plan made it. */
  readonly importKey: string
  /** Labels of its template that selectors of Services go by: `kubevirt.io/domain`, `kubevirt.io/vm`. Empty when it has none. */
  readonly domain: string
  readonly vmLabel: string
  /** Where configuration names any. */
  readonly annotations?: Annotations
  /** Those that configuration names, beyond `labels`, null where it has none; left out of a VM with few. */
  readonly namedLabels?: NamedLabels
  /** What `portray` makes of it, where an inventory shows more of it than all else here. */
  readonly portrait?: string
}

export interface VmiPart {
  readonly key: string
  readonly uid: string
  readonly resourceVersion: string
  /** uid of the VM that owns it; a VMI without one belongs to no VM. */
  readonly owner: string
  readonly phase: string
  readonly deleting: boolean
  readonly node: string
  readonly paused: boolean
  /** `PausedByUser`, `PausedIOError`, `PausedByMigrationMonitor`; empty when it is not paused. */
  readonly pausedBecause: string
  /** How it ended; empty while it has not. */
  readonly end: BootEnd
  /** Why it ended, in KubeVirt's word (`NodeUnresponsive`); mostly empty. */
  readonly reason: string
  /** Name of the claim of the disk it booted from. */
  readonly rootClaim: string
  /** The kernel the guest said it runs. */
  readonly kernel: string
  readonly agentConnected: boolean
  readonly firmwareUuid: string
  /** The same labels as of the VM's template, as they are on this boot and its pod. */
  readonly domain: string
  readonly vmLabel: string
  readonly os: GuestOs
  readonly addresses: readonly Address[]
  /** The last migration that ended well; empty when none did. */
  readonly migrated: { readonly uid: string; readonly from: string; readonly to: string }
  /** The last migration, when it failed; its uid is empty when it did not. */
  readonly migrationFailed: {
    readonly uid: string
    readonly from: string
    readonly to: string
    readonly reason: string
  }
  /** As of the VM. */
  readonly portrait?: string
}

/**
 * How a boot ended, by its own object alone. `failed`: down without anybody asking. `shutdown`: the guest went down by itself.
 * `asked`: its object was deleted first. `away`: it goes on in another cluster. Empty: not ended.
 */
export type BootEnd = '' | 'failed' | 'shutdown' | 'asked' | 'away'

/** A PersistentVolumeClaim, once it is bound. */
export interface ClaimPart {
  readonly key: string
  readonly uid: string
}

/** Where a VM comes from; all empty when nothing made it but a person or a tool that leaves no mark. */
export interface Descent {
  /** `import`: a migration toolkit plan. `move`: the same guest, before, in another cluster. */
  readonly kind: '' | 'clone' | 'restore' | 'backup' | 'import' | 'move'
  /** What it was made from: a VM (`namespace/name`), a snapshot, the id at the source of an import. */
  readonly from: string
  /** What made it: the name of the clone, the restore or the plan. */
  readonly by: string
  /** Which run of a plan, its wave: the uid of the Migration; of a move the uid of the VM before. */
  readonly run: string
}

export const NO_DESCENT: Descent = { kind: '', from: '', by: '', run: '' }

export interface GuestOs {
  /** `linux`, `windows` or empty when nothing tells. */
  readonly family: string
  readonly id: string
  readonly name: string
  readonly version: string
}

export interface Address {
  readonly address: string
  /** Name of the VMI's network; empty for an interface only the guest knows. */
  readonly network: string
  readonly interface: string
  /** `platform`: the cluster gave it. `agent`: the guest says so. */
  readonly source: 'platform' | 'agent'
  readonly pod: boolean
}

export const NO_OS: GuestOs = { family: '', id: '', name: '', version: '' }
