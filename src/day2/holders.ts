import type { Run, RunHost } from './run.ts'
import { isLaterStep } from './run-step.ts'

/** Which runs hold which VMs, found at once however many are under way. */
export class Holders {
  readonly #byUid = new Map<string, readonly Run[]>()
  readonly #ofAll = new Map<string, Run>()

  /** The first run that holds a VM's incarnation and is not `besides`. */
  of(uid: string, besides?: string): Run | undefined {
    const others = (runs: Iterable<Run>): Run | undefined => {
      for (const run of runs) if (run.id !== besides) return run
      return undefined
    }
    return others(this.#byUid.get(uid) ?? []) ?? (this.#ofAll.size === 0 ? undefined : others(this.#ofAll.values()))
  }

  /** A run as it was, and as it is while it is under way. */
  replace(before: Run | undefined, after: Run | null): void {
    if (before !== undefined) this.#without(before)
    if (after === null) return
    if (holdsAll(after)) this.#ofAll.set(after.id, after)
    for (const { uid } of heldBy(after)) this.#byUid.set(uid, [...(this.#byUid.get(uid) ?? []), after])
  }

  #without(run: Run): void {
    this.#ofAll.delete(run.id)
    for (const { uid } of heldBy(run)) {
      const left = (this.#byUid.get(uid) ?? []).filter(each => each.id !== run.id)
      if (left.length === 0) this.#byUid.delete(uid)
      else this.#byUid.set(uid, left)
    }
  }
}

/** A VM on which a step was done is held until its result is told, also where the next one is not launched. */
function heldBy(run: Run): readonly RunHost[] {
  return isLaterStep(run) ? [...run.hosts, ...run.left_out] : run.hosts
}

/** Its job may run anywhere: a limit of others that can not be told apart, or one of ours that came out differently. */
function holdsAll(run: Run): boolean {
  return run.external?.whole === true || (run.astray !== '' && run.status === 'following')
}
