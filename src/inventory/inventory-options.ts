import type { FleetView, Scope } from '../fleet/index.ts'
import type { Closed } from './closed.ts'
import type { Document } from './document.ts'
import type { VerbStatus } from './host.ts'
import type { Network } from './network.ts'
import type { Profiles } from './profile.ts'
import type { Rendering } from './rendering.ts'
import type { ShrinkRule, Shrunk } from './shrink-guard.ts'
import type { StaleLimits } from './stale.ts'
import type { View } from './view.ts'

/** What an inventory is made from. */
export interface InventoryOptions {
  readonly fleet: FleetView
  /** Clusters and hubs that must have been read before the inventory is true. */
  readonly expected: readonly string[]
  readonly limits: StaleLimits
  /** Labels that make groups in the inventory of the whole fleet. */
  readonly labelGroups: readonly string[]
  readonly views?: readonly View[]
  readonly networks?: readonly Network[]
  /** Left out: there are none. */
  readonly profiles?: Profiles
  /** Renderings that any view may be asked for in, by name. Each costs memory only once somebody has asked. */
  readonly formats?: ReadonlyMap<string, Rendering>
  /** How much shorter the whole inventory may get at once; left out: any. */
  readonly shrink?: ShrinkRule
  /** How many hosts of a view, or of a page of it, were believed in before the start (`InventoryCache.believed`); 0, or left out: it is not known. */
  readonly believedBefore?: (page: string) => number
  readonly verbsOf: (uid: string) => VerbStatus
  readonly now: () => number
  /** Told once for each label key that makes more groups in a view than it may. */
  readonly warnOfGroups?: (view: string, label: string, most: number) => void
  /** Told once for each group of a view that different values make, as their names come out the same, with these. */
  readonly warnOfMerged?: (view: string, group: string, because: readonly string[]) => void
  /** Told of a host that a view shows by its canonical name, although it asks for others, and why. */
  readonly warnOfName?: (view: string, host: string, because: string) => void
}

/**
 * The document, or why there is none: `closed` until every cluster that the view could contain has been read once (`unread`), and, for
 * a view that would rather fail, while one of them can not be seen (`stale`), and while it lacks more hosts than is believed (`shrunk`).
 */
export type Inventory = Document | ({ readonly kind: 'closed' } & Closed) | Held

/** A document that is not served for what it lacks. */
export interface Held {
  readonly kind: 'closed'
  readonly because: 'shrunk'
  readonly clusters: readonly string[]
  readonly shrunk: Shrunk
}

/** Which inventory is asked for. */
export interface Sight {
  /** Left out: the whole fleet. */
  readonly view?: string
  /** One of `formats`; left out: as the view shows it. */
  readonly format?: string
  /** The part of it that may be seen; left out: all of it. Each part costs memory only once somebody has asked. */
  readonly within?: Scope | undefined
}
