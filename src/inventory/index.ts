export { addressOf, groupsOf, hostVars, isReady, unreachableReason, type HostVars, type VerbStatus } from './host.ts'
export { type Inventory, InventoryCache, type InventoryOptions } from './inventory.ts'
export { type Staleness, type StaleLimits, stalenessOf } from './stale.ts'
