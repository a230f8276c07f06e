/**
 * What was done to a VM by an object of its own, that ended well or not: a migration, a snapshot, a restore, a clone, an import.
 * One that is still under way has no outcome yet.
 */
export interface Deed {
  readonly kind: DeedKind
  /** `namespace/name` of the object; an import has the key of its VM. */
  readonly key: string
  readonly uid: string
  /** The VM it was done to, `namespace/name`; an import names it by `<plan uid>/<id at the source>`. */
  readonly vm: string
  /** uid of that VM, when the object says. */
  readonly vmUid: string
  /** When it ended, else when it began, in ms; of the clock of its API server. */
  readonly at: number
  /** When it began, in ms. */
  readonly began: number
  readonly outcome: '' | 'succeeded' | 'failed'
  /** What it was made from, and what by: `transition` of its fact. */
  readonly from: string
  readonly to: string
  readonly reason: string
  /** A clone makes a snapshot and a restore of its own: they are nobody's news. */
  readonly internal: boolean
}

/** The kinds that make facts of their own. A clone only tells where a VM comes from. */
export const DEED_KINDS = ['migration', 'snapshot', 'restore', 'import'] as const
export type DeedKind = (typeof DEED_KINDS)[number] | 'clone'

/** Deeds that a record remembers of one kind, the newest of them: KubeVirt itself keeps 5 migrations. */
export const MAX_DEEDS = 32
/** Deeds of one VM and kind that are looked at, the newest of them: so many may have ended in one gap, and each is told. */
export const MAX_ENDED = 256

/** What has ended of a VM's deeds, by kind. A kind that is not there is not known: nothing follows from it. */
export type Deeds = Readonly<Partial<Record<DeedKind, readonly Deed[]>>>

/** The order in which deeds ended. */
export function byTime(a: Deed, b: Deed): number {
  return a.at - b.at || (a.uid < b.uid ? -1 : 1)
}

/**
 * True when the deed was done to this incarnation: its object says so, or it ended after the VM was made. `tolerance` is for an object
 * of another API server, whose clock is another.
 */
export function isOf(deed: Deed, vm: { readonly uid: string; readonly createdAt: number }, tolerance = 0): boolean {
  if (deed.vmUid !== '') return deed.vmUid === vm.uid
  return deed.at === 0 || deed.at + tolerance >= vm.createdAt
}
