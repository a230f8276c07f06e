import type { Draft, KubeObject } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'
import type { Part } from '../kube/store.ts'
import { numberOf } from './guest.ts'
import type { Clone, Migration, Restore, Snapshot, Vm, Vmi } from './objects.ts'

/** One write that the virt-controller wants. An update carries the version it was decided on, so that it never overwrites. */
export type Write =
  | { kind: 'create'; resource: Resource; draft: Draft }
  | { kind: 'update'; resource: Resource; object: KubeObject; part: Part }
  | { kind: 'remove'; resource: Resource; object: KubeObject }

/** What to do next: `writes`, once the stage has lasted `delayMs`. The stage names what is being waited for. */
export interface Step {
  stage: string
  delayMs: number
  writes: readonly Write[]
}

/** All that is known of one VM name. Nothing else is remembered, so a restarted controller goes on where it was. */
export interface View {
  vm: Vm | null
  vmi: Vmi | null
  /** Migrations of this name, oldest first. */
  migrations: readonly Migration[]
  /** Claims that its DataVolume templates name, and what was asked to be done with it; none when left out. */
  claims?: readonly KubeObject[]
  snapshots?: readonly Snapshot[]
  restores?: readonly Restore[]
  clones?: readonly Clone[]
  cluster: string
  nodes: readonly string[]
  seed: string
}

/** The delay of a stage, up to a quarter longer, by chance that depends on nothing but the seed and whom it befalls. */
export function paced(view: View, stage: string, delayMs: number): number {
  const chance = numberOf(`${view.seed}/${view.vmi?.metadata.uid ?? ''}/${stage}`) % 1000
  return Math.round(delayMs * (1 + chance / 4000))
}
