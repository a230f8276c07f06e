export * from './part.ts'
export * from './record.ts'
export { byTime, type Deed, type DeedKind, type Deeds, MAX_DEEDS, MAX_ENDED } from './deed.ts'
export { assemble, chooseAddress } from './assemble.ts'
export { change, isDue, leave, mature, type Wait, waitOf } from './change.ts'
export type { Contests, Rival } from './rival.ts'
export type { Change, Circumstance, Holds, Sighting } from './sighting.ts'
export { type DiskPart, projectDisk } from './disk.ts'
export { GuestIndex, type Guests } from './guests.ts'
export { type Keep, PackedMap } from './packed-map.ts'
export { annotationsOf } from './annotations.ts'
export { isCrowded, labelsOf, mayHave, namedLabels } from './labels.ts'
export { isVolatile, type Portrait, portray, readPortrait } from './portrait.ts'
export { projectVm, projectVmi } from './project.ts'
export { projectClaim, projectClone, projectMigration, projectRestore, projectSnapshot } from './project-deed.ts'
export { type PlanPart, projectPlan } from './project-plan.ts'
export {
  MAX_SERVICES,
  type Named,
  namedAs,
  NAMINGS,
  projectService,
  type ServicePart,
  takes,
  type VmService,
} from './service.ts'
export { hostName, vmEvent } from './publish.ts'
