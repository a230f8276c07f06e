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
  readonly agentConnected: boolean
  readonly firmwareUuid: string
  readonly os: GuestOs
  readonly addresses: readonly Address[]
  /** The last migration that ended well; empty when none did. */
  readonly migrated: { readonly uid: string; readonly from: string; readonly to: string }
}

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
