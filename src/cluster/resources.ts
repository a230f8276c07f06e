import { type Observed, PATHS, type Resource } from '../kube/index.ts'
import {
  type ClaimPart,
  type Deed,
  type DiskPart,
  PackedMap,
  projectClaim,
  projectClone,
  projectDisk,
  projectMigration,
  projectRestore,
  projectService,
  projectSnapshot,
  projectVm,
  projectVmi,
  type ServicePart,
  type VmiPart,
  type VmPart,
} from '../vm/index.ts'
import { type Extras, extrasReader } from './extras.ts'

/** What the resources of a cluster become, by the word that each goes by. */
export interface Parts {
  readonly vm: VmPart
  readonly vmi: VmiPart
  readonly migration: Deed
  readonly snapshot: Deed
  readonly restore: Deed
  readonly clone: Deed
  readonly claim: ClaimPart
  readonly disk: DiskPart
  readonly service: ServicePart
}

export type Of = keyof Parts

interface Watched<T> extends Resource<T> {
  /**
   * Nothing is assembled before it was listed once, and the cluster is not synced while it can not be read. Any other may be absent or
   * forbidden: what it would tell is then not known, and that is all.
   */
  readonly required: boolean
  /** Not asked for unless the configuration says so. */
  readonly optIn?: true
}

/** Every resource that is reflected of a cluster. One more is one more line here, and what the fold makes of it. */
export const RESOURCES: { readonly [O in Of]: Watched<Parts[O]> } = {
  vm: { path: PATHS.virtualmachines, project: projectVm, keyOf: vm => vm.key, collect: packed, required: true },
  vmi: {
    path: PATHS.virtualmachineinstances,
    project: projectVmi,
    keyOf: vmi => vmi.key,
    collect: packed,
    required: true,
  },
  migration: { path: PATHS.migrations, project: projectMigration, keyOf: deed => deed.key, required: false },
  snapshot: { path: PATHS.snapshots, project: projectSnapshot, keyOf: deed => deed.key, required: false },
  restore: { path: PATHS.restores, project: projectRestore, keyOf: deed => deed.key, required: false },
  clone: { path: PATHS.clones, project: projectClone, keyOf: deed => deed.key, required: false },
  claim: { path: PATHS.claims, project: projectClaim, keyOf: claim => claim.key, required: false },
  disk: { path: PATHS.datavolumes, project: projectDisk, keyOf: disk => disk.key, required: false },
  service: {
    path: PATHS.services,
    project: projectService,
    keyOf: service => service.key,
    required: false,
    optIn: true,
  },
}

/** Those that are as many as VMs: their list is never there as objects, all at once. */
function packed<T extends object>(): PackedMap<T> {
  return new PackedMap<T>()
}

const ALL = Object.keys(RESOURCES) as readonly Of[]
export const REQUIRED: readonly Of[] = ALL.filter(of => RESOURCES[of].required)
/** What is reflected unless the configuration asks for more. */
export const USUAL: readonly Of[] = ALL.filter(of => RESOURCES[of].optIn !== true)

/** The resource, of VMs and VMIs with what inventories show of each object in its part: of each as it is wanted when it is read. */
export function watched<O extends Of>(of: O, extras: () => Extras): Watched<Parts[O]> {
  const resource: Watched<Parts[O]> = RESOURCES[of]
  if (of !== 'vm' && of !== 'vmi') return resource
  let [wanted, more] = [extras(), extrasReader(of, extras())]
  const project = (object: unknown): Parts[O] => {
    const now = extras()
    if (now !== wanted) [wanted, more] = [now, extrasReader(of, now)]
    const part = resource.project(object)
    return more === null ? part : { ...part, ...more(object) }
  }
  return { ...resource, project }
}

/** What the reflector of one resource said. */
export type Inbound = { readonly [O in Of]: { readonly of: O; readonly observed: Observed<Parts[O]> } }[Of]
