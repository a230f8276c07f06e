import type { Observed } from '../kube/index.ts'
import type { ClaimPart } from '../vm/index.ts'

/** The uid of each bound claim of a cluster. Empty where claims can not be read; while they can not, what was known of them stays. */
export class Claims {
  #uids = new Map<string, string>()
  /** Nobody watches them: what is known may be of before. */
  #away = false

  /** Takes in what a reflector said. */
  take(observed: Observed<ClaimPart>): void {
    this.#away = observed.kind === 'ended' || observed.kind === 'unavailable'
    if (observed.kind === 'listed' || observed.kind === 'audited') {
      const bound = [...observed.objects.values()].filter(({ uid }) => uid !== '')
      this.#uids = new Map(bound.map(({ key, uid }) => [key, uid]))
    } else if (observed.kind === 'changed' || observed.kind === 'gone') {
      const { key, uid } = observed.object
      if (observed.kind === 'gone' || uid === '') this.#uids.delete(key)
      else this.#uids.set(key, uid)
    }
  }

  /** Of a claim by `namespace/name`; empty while it is not bound, not known, or nobody watches. */
  uidOf(key: string): string {
    return this.#away ? '' : (this.#uids.get(key) ?? '')
  }
}
