export { groupsOf } from './group.ts'
export {
  addressOf,
  hostVars,
  isReady,
  type Profile,
  unreachableReason,
  type HostVars,
  type VerbStatus,
} from './host.ts'
export { type Inventory, InventoryCache, type InventoryOptions } from './inventory.ts'
export type { Network } from './network.ts'
export { ownRendering, type Rendering, type ViewGroups } from './rendering.ts'
export { type Staleness, type StaleLimits, stalenessOf } from './stale.ts'
export type { View } from './view.ts'
export type { Why } from './why.ts'
