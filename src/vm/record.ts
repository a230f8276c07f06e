import type { Origin, VmFact } from '../event/index.ts'
import type { Annotations } from './annotations.ts'
import type { NamedLabels } from './labels.ts'
import type { Rival } from './rival.ts'
import type { DeedKind } from './deed.ts'
import type { Address, Descent, GuestOs } from './part.ts'
import type { VmService } from './service.ts'

/** The schema of records this program writes; it reads this one and older ones. */
export const RECORD_SCHEMA = 1

/**
 * What is kept of one VM: what is seen now, what was told about it, and what waits to be told. Stored on `state.fleet` under
 * `<cluster>/<namespace>/<name>`; about 1 KB.
 */
export interface VmRecord {
  readonly schema: typeof RECORD_SCHEMA
  readonly cluster: string
  /** Empty when the cluster was configured directly. */
  readonly hub: string
  /** uid of the cluster's kube-system namespace: the cluster's identity, whatever its name or URL. */
  readonly cluster_uid: string
  readonly namespace: string
  readonly name: string
  /** The incarnation: a VM created again under the same name has another. */
  readonly uid: string
  readonly resource_version: string
  /** True when it was there before its cluster was adopted: never news, so nothing starts by itself on it. */
  readonly adopted: boolean
  /** When it was first seen, in ms since the epoch. */
  readonly known_since: number
  readonly seen: Seen
  readonly told: Told
  readonly waiting: readonly Waiting[]
  /** Id of the last event about it. */
  readonly last_event: string
  /** Ids of the last event of each fact that may come again. */
  readonly last_of: Readonly<Partial<Record<VmFact, string>>>
  /**
   * From here on: fields that older records lack. A missing one says that it was not known before, and what is not known before is
   * taken as it stands, without a fact.
   */
  readonly descent?: Descent
  /** The kinds of deed that are known of it, in one word each; what is done of any other kind was never known. */
  readonly knows?: string
  /** The deeds that have ended and were heard of, by kind, where there are any. */
  readonly heard?: Readonly<Partial<Record<DeedKind, Heard>>>
  /**
   * The Services through which it is reached from outside its cluster, and that lead to no other VM; where Services are watched and there
   * are any. No fact follows from it.
   */
  readonly services?: readonly VmService[]
  /** Id of the event that said its cluster left the selection; empty while it is in it. */
  readonly out_of_scope?: string
}

/** Which deeds of one kind are known to have ended: those that exist still, at most `MAX_DEEDS`, and none that ended by `floor`. */
export interface Heard {
  readonly floor: number
  /** By uid. */
  readonly ended: Readonly<Record<string, 'succeeded' | 'failed'>>
}

export interface Seen {
  readonly created_at: number
  readonly run_strategy: string
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
  readonly instancetype: string
  readonly firmware_uuid: string
  readonly os: GuestOs
  /** uid of the VMI; empty when there is none. */
  readonly boot: string
  readonly phase: string
  readonly paused: boolean
  readonly node: string
  readonly agent_connected: boolean
  readonly addresses: readonly Address[]
  /** The address to use of those; empty when none is usable. */
  readonly address: string
  /** uid of the last migration that ended well. */
  readonly migration: string
  // From here on older records lack the field.
  /** Why it is paused. */
  readonly paused_because?: string
  /** The boot that ended last, and why: `crashed`, `guest shut down`, `asked`, `went to another cluster`. */
  readonly ended?: { readonly boot: string; readonly because: string; readonly detail: string }
  /** The last migration, when it failed. */
  readonly migration_failed?: {
    readonly uid: string
    readonly from: string
    readonly to: string
    readonly reason: string
  }
  /** Why it does not start, as far as its status tells; empty when nothing hinders it. */
  readonly failing?: string
  /** The disk that can not be made, and why; there only when `failing` says so and DataVolumes can be read. */
  readonly hindered_by?: string
  /** The boot that failed last before its guest ever ran. */
  readonly failed_boot?: string
  readonly restart_required?: boolean
  /** The kernel that the guest said it runs, and whether it has said what it is: until then its OS is what was declared. */
  readonly kernel?: string
  readonly guest_said?: boolean
  /** uid of the claim of the disk it boots from; empty until it is known. */
  readonly claim?: string
  /** `claim` is that of the boot before: which one this boot has was not seen yet. */
  readonly disk_unseen?: boolean
  /** uid of the claim that this one was copied from while the guest ran, as long as the VM says so and both are there. */
  readonly copied_from?: string
  /** The Argo CD application that manages it. */
  readonly application?: string
  /** Those beyond `labels` that configuration named when the VM was last read, null where it had none; left out of a VM with few. No fact follows from them. */
  readonly named_labels?: NamedLabels
  /** Those that configuration named when the VM was last read. No fact follows from them. */
  readonly annotations?: Annotations
  /** What `portray` made of the VM and of its VMI (empty without one), where an inventory shows it. No fact follows from it. */
  readonly portraits?: { readonly vm: string; readonly vmi: string }
}

export interface Told {
  /** uid of the boot that was told as started; empty when the VM was told as stopped or never started. */
  readonly boot: string
  readonly reachable: boolean
  readonly address: string
  // From here on older records lack the field: it is taken as it stands, without a fact.
  /** Who gave `address`: the cluster on its pod network or on another one, or only the guest. It holds while no address is seen. */
  readonly address_source?: 'pod' | Address['source']
  readonly paused?: boolean
  readonly failing?: boolean
  readonly restart_required?: boolean
  /** What the guest itself said it is, in one line of JSON: id, name, version, kernel. Empty until it has. */
  readonly guest?: string
  readonly claim?: string
  /** uid of the last migration that its VMI told the end of. */
  readonly migration?: string
  /** When its last run was told to be over, in ms; 0 while it runs. */
  readonly ran_to?: number
  /** The VM that was told to have the better claim to its address; null: none. */
  readonly conflict?: Rival | null
  /** A VM of the same firmware UUID in another cluster that was seen to run when this one started, and when that was, in ms. */
  readonly beside?: { readonly uid: string; readonly since: number }
}

/** A fact that is held back until it has lasted: told when `due` passes and `value` still stands. */
export interface Waiting {
  readonly fact: VmFact
  readonly value: string
  readonly since: number
  readonly due: number
  /** It began where changes may have been missed, and is told as such. */
  readonly gap: boolean
}

/** What became true of a VM, ready to be laid into its event. */
export interface Fact {
  readonly id: string
  readonly fact: VmFact
  readonly previous: string
  readonly origin: Origin
  readonly gap: boolean
  readonly burst: boolean
  readonly transition: { readonly from: string; readonly to: string }
  readonly changed: readonly string[]
  readonly reason: string
  /** The record as it was when the fact became true (before, for a deletion). */
  readonly about: VmRecord
}

/** The key of a VM on every stream and topic. */
export function vmKey(vm: { cluster: string; namespace: string; name: string }): string {
  return `${vm.cluster}/${vm.namespace}/${vm.name}`
}

/** True when the guest runs: a final VMI keeps its conditions, so the phase alone decides. */
export function isRunning(seen: Seen): boolean {
  return seen.boot !== '' && seen.phase === 'Running'
}

/** What the guest said it is, in one line of JSON; empty until it has. */
export function guestWords({ guest_said, os, kernel }: Seen): string {
  return guest_said === true ? JSON.stringify([os.id, os.name, os.version, kernel ?? '']) : ''
}

/** The label by which a person says that a VM has no guest agent, with the value `none`: then none is waited for. */
const AGENT_LABEL = 'virtbridge.io/agent'

/** True when a person says that it has no agent. */
export function isAgentless({ labels }: Pick<Seen, 'labels'>): boolean {
  return labels[AGENT_LABEL] === 'none'
}

/** True when nothing is to be waited for of its agent: it answers, or there is none. */
export function answers(seen: Seen): boolean {
  return seen.agent_connected || isAgentless(seen)
}

/** True when automation could reach the guest now: it runs, its agent answers (or it has none) and it has an address. */
export function looksReachable(seen: Seen): boolean {
  return isRunning(seen) && !seen.paused && answers(seen) && seen.address !== ''
}
